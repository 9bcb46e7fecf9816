//! Onboarding: the handler.

pub(crate) mod convert;

use openfinance::{
    Error,
    onboarding::{Made, MadeBy, Onboarded, OnboardingError, Step},
};
use openfinance_rpc::pb::{
    self,
    onboarding_service_server::OnboardingService,
    onboarding_step::{Outcome, Step as PbStep},
};
use tonic::{Code, Request, Response, Status};

use crate::{
    api::{Api, caller, once},
    convert::IntoPb,
    status::{Subject, failure},
};

#[tonic::async_trait]
impl OnboardingService for Api {
    async fn onboard_customer(
        &self,
        request: Request<pb::OnboardCustomerRequest>,
    ) -> Result<Response<pb::OnboardCustomerResponse>, Status> {
        let client = self.client(&request);
        let caller = caller(&request);
        let request = request.into_inner();
        let named = once(
            caller,
            "OnboardingService/OnboardCustomer",
            &request.request_id,
        );
        let onboarding = convert::onboarding(request)?;
        let (onboarded, resumable) = match named {
            Some(named) => (
                client.once(named).onboard_customer(onboarding).await,
                Resumable::Yes,
            ),
            None => (client.onboard_customer(onboarding).await, Resumable::No),
        };
        let Onboarded {
            customer,
            consumer,
            business,
        } = onboarded.map_err(|error| failed(error, resumable))?;
        let mut steps = vec![step(PbStep::Customer, &customer, &customer.record.id)];
        steps.extend(
            consumer
                .iter()
                .map(|made| step(PbStep::Consumer, made, &made.record.id)),
        );
        steps.extend(
            business
                .iter()
                .map(|made| step(PbStep::Business, made, &made.record.id)),
        );
        Ok(Response::new(pb::OnboardCustomerResponse {
            customer: Some(self.told(customer.record)),
            consumer: consumer.map(|made| made.record.into_pb()),
            business: business.map(|made| made.record.into_pb()),
            steps,
        }))
    }
}

fn step<T>(step: PbStep, made: &Made<T>, id: &impl ToString) -> pb::OnboardingStep {
    let outcome = match made.by {
        MadeBy::ThisCall => Outcome::Created,
        MadeBy::EarlierCall => Outcome::Resumed,
    };
    pb::OnboardingStep {
        step: step.into(),
        outcome: outcome.into(),
        record_id: id.to_string(),
    }
}

/// Whether the caller named its request, so that a repeat takes up what broke off.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Resumable {
    Yes,
    No,
}

/// The status of an onboarding that broke off: what its step would have been answered alone, and how far it came.
fn failed(error: OnboardingError, resumable: Resumable) -> Status {
    let OnboardingError {
        step,
        customer,
        consumer,
        error,
    } = error;
    let advice = match (&customer, &error, resumable) {
        // Nothing is there, or nothing that is known of: the step's own words say it all.
        (None, _, _) => None,
        (Some(_), Error::Refused { .. } | Error::RequestIdReused, _) => {
            Some("the records before it are there: go on with the creates of the other services")
        }
        (Some(_), _, Resumable::Yes) => Some(
            "the records before it are there: repeat the call with the same request_id, and it resumes",
        ),
        (Some(_), _, Resumable::No) => Some(
            "the records before it are there, and without a request_id the call can't be resumed: go on with the creates \
             of the other services",
        ),
    };
    let subject = customer
        .as_ref()
        .map_or(Subject::Nothing, Subject::Customer);
    let mut failure = match (&customer, resumable, failure(error, subject)) {
        // That code promises that repeating is safe, and many clients do so by themselves: here it would do harm.
        (Some(_), Resumable::No, failure) if failure.code() == Code::Unavailable => {
            failure.half_done()
        }
        (_, _, failure) => failure,
    };
    if let Some(step) = step {
        failure = failure.told("step", step_word(step));
    }
    if let Some(id) = &customer {
        failure = failure.told("customer_id", id);
    }
    if let Some(id) = &consumer {
        failure = failure.told("consumer_id", id);
    }
    match advice {
        Some(advice) => failure.advised(advice).into(),
        None => failure.into(),
    }
}

/// The step as `openfinance.v1` names it, without the name of the enumeration.
fn step_word(step: Step) -> &'static str {
    match step {
        Step::Customer => "CUSTOMER",
        Step::Consumer => "CONSUMER",
        Step::Business => "BUSINESS",
    }
}
