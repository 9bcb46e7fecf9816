//! What a read costs by how callers come, and what one costs that is refused.

use crate::{
    figures::Findings,
    generator::Ask,
    role::Part,
    subject::{CALLERS, Plan, Subject},
    turns::{Contestant, take_turns},
    vendor::Vendor,
};

const CONNECTIONS: &str = "Connections";
const REFUSALS: &str = "Reads of nobody";

const ROUNDS: usize = 3;

pub(crate) async fn measure(findings: &mut Findings) {
    let vendor = Vendor::start().await;
    let customer = vendor.customer().await;
    let mut naked = Subject::yardstick(Part::Naked, &vendor).await;
    let mut gateway = Subject::gateway(Some(&vendor), Plan::default()).await;

    let turns = [Contestant::Refusals(&naked), Contestant::Refusals(&gateway)];
    let [of_naked, of_gateway] = take_turns(ROUNDS, turns).await;
    let note = "GetCustomer of an id that the vendor answers with 404; 8 callers with a connection each that wait for their answers.";
    of_naked.tell(findings, REFUSALS, "naked gateway", note);
    of_gateway.tell(findings, REFUSALS, "gateway", note);
    findings.add(of_gateway.over(&of_naked, REFUSALS, "gateway over naked gateway"));

    for (callers, connections) in [(CALLERS, 1), (64, 64)] {
        for subject in [&mut naked, &mut gateway] {
            subject.connect(connections).await;
            let shared = subject.clients.clone();
            subject.clients = shared.into_iter().cycle().take(callers).collect();
        }
        let calls = |subject| Contestant::Calls(subject, Ask::Read(customer.clone()));
        let [of_naked, of_gateway] = take_turns(ROUNDS, [calls(&naked), calls(&gateway)]).await;
        let note = format!(
            "GetCustomer, {callers} callers that wait for their answers, over connections: {connections}."
        );
        let name = |who: &str| match connections {
            1 => format!("{who}, 1 connection"),
            _ => format!("{who}, {connections} connections"),
        };
        of_naked.tell(findings, CONNECTIONS, &name("naked gateway"), &note);
        of_gateway.tell(findings, CONNECTIONS, &name("gateway"), &note);
        let name = name("gateway over naked gateway");
        findings.add(of_gateway.over(&of_naked, CONNECTIONS, &name));
    }
    for subject in [naked, gateway] {
        subject.stop().await;
    }
    vendor.stop().await;
}
