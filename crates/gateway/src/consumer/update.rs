//! What an update of consumers changes.

use openfinance::{consumer::ConsumerUpdate, id::ConsumerId};
use openfinance_rpc::pb;
use tonic::Status;

use crate::{
    convert::BadFields,
    mask::{Edit, Fields},
};

static FIELDS: Fields = Fields {
    record: "consumer",
    mutable: &[
        "first_name",
        "last_name",
        "suffix",
        "address",
        "city",
        "state",
        "zip",
        "phone",
        "email",
        "ssn",
        "birthday",
        "end_user",
    ],
    fixed: &[
        "consumer_id",
        "customer_id",
        "ssn_last_four",
        "create_time",
        // Birthday and end user are always given whole.
        "birthday.year",
        "birthday.month",
        "birthday.day",
        "end_user.name",
        "end_user.address",
        "end_user.city",
        "end_user.state",
        "end_user.zip",
        "end_user.phone",
        "end_user.email",
        "end_user.url",
    ],
};

pub(crate) fn update(
    request: pb::UpdateConsumerRequest,
) -> Result<(ConsumerId, ConsumerUpdate), Status> {
    let pb::UpdateConsumerRequest {
        consumer,
        update_mask,
    } = request;
    let Some(consumer) = consumer else {
        return Err(BadFields::new("consumer", "is required").into());
    };
    // What can't be changed is ignored: a consumer that was read is edited and sent back.
    let pb::Consumer {
        consumer_id,
        customer_id: _,
        first_name,
        last_name,
        suffix,
        address,
        city,
        state,
        zip,
        phone,
        email,
        ssn,
        ssn_last_four: _,
        birthday,
        end_user,
        create_time: _,
    } = consumer;
    let mut edit = Edit::new(&FIELDS, update_mask);
    let id = edit.check().required("consumer.consumer_id", consumer_id);
    // Half a date is what the vendor keeps of some, and was read from there; nobody sets one without naming it.
    let whole = |date: &pb::Date| date.year != 0 && date.month != 0 && date.day != 0;
    let birthday = birthday.filter(|date| edit.has_mask() || whole(date));
    let update = ConsumerUpdate {
        first_name: edit.set("first_name", first_name),
        last_name: edit.set("last_name", last_name),
        suffix: edit.set("suffix", suffix),
        address: edit.set("address", address),
        city: edit.set("city", city),
        state: edit.set("state", state),
        zip: edit.set("zip", zip),
        phone: edit.set("phone", phone),
        email: edit.set("email", email),
        ssn: edit.set("ssn", ssn),
        birthday: edit.set_message("birthday", birthday),
        end_user: edit.set_message("end_user", end_user),
    };
    edit.finish(|| Some((id?, update)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::violated;
    use prost_types::FieldMask;
    use tonic_types::StatusExt as _;

    fn ada() -> pb::Consumer {
        pb::Consumer {
            first_name: "Ada".to_owned(),
            last_name: "Lovelace".to_owned(),
            state: "UT".to_owned(),
            phone: "8015551234".to_owned(),
            ssn: "123-45-6789".to_owned(),
            ..pb::Consumer::default()
        }
    }

    fn edit(consumer: pb::Consumer, paths: &[&str]) -> Result<ConsumerUpdate, Status> {
        let consumer = Some(pb::Consumer {
            consumer_id: "0".repeat(32),
            ..consumer
        });
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        update(pb::UpdateConsumerRequest {
            consumer,
            update_mask: Some(FieldMask { paths }),
        })
        .map(|(_, update)| update)
    }

    #[test]
    fn a_mask_takes_whole_messages_and_clears_nothing() {
        let changed = edit(ada(), &["ssn", "first_name"]).unwrap();
        assert!(
            changed.ssn.is_some() && changed.first_name.is_some() && changed.last_name.is_none()
        );
        for (paths, reason) in [
            (["end_user.city"], "FIELD_NOT_MUTABLE"),
            (["ssn_last_four"], "FIELD_NOT_MUTABLE"),
            (["end_user"], "FIELD_NOT_CLEARABLE"),
            (["birthday"], "FIELD_NOT_CLEARABLE"),
            (["*"], "FIELD_NOT_CLEARABLE"),
            (["name"], "INVALID_FIELD"),
        ] {
            let status = edit(ada(), &paths).unwrap_err();
            assert_eq!(
                status.get_error_details().error_info().unwrap().reason,
                reason,
                "{paths:?}"
            );
        }
    }

    #[test]
    fn a_fault_inside_an_end_user_is_told_by_its_path() {
        let end_user = Some(pb::EndUser {
            name: "Bank".to_owned(),
            ..pb::EndUser::default()
        });
        let status = edit(pb::Consumer { end_user, ..ada() }, &["end_user"]).unwrap_err();
        assert!(violated(status).contains(&"consumer.end_user.city".to_owned()));
    }
}
