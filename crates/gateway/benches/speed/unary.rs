//! What reading one customer costs: the floors, the naked gateway, the gateway.

use crate::{
    figures::{Findings, Kind, Limit, Place, Plot, Series},
    generator::Ask,
    protected::{Protection, folder},
    role::{Part, Role},
    subject::{Plan, Subject},
    turns::{Contestant, take_turns},
    vendor::Vendor,
};

const GROUP: &str = "Unary read";

/// More than elsewhere: two of the bars are about these, and one turn is to another as a machine's mood has it.
const ROUNDS: usize = 15;

pub(crate) async fn measure(findings: &mut Findings) {
    let vendor = Vendor::start().await;
    let customer = vendor.customer().await;
    let folder = folder();
    let mut collector = Role::start(Part::Collector, "").await;
    let everything = Protection::new(folder.path()).everything(&collector.address);
    let echo = Subject::yardstick(Part::Echo, &vendor).await;
    let naked = Subject::yardstick(Part::Naked, &vendor).await;
    let default = Subject::gateway(Some(&vendor), Plan::default()).await;
    let everything = Subject::gateway(Some(&vendor), everything).await;
    let mut getting = Role::start(Part::Bare, vendor.base_url()).await;
    let mut posting = Role::start(Part::Bare, vendor.base_url()).await;

    let calls = |subject| Contestant::Calls(subject, Ask::Read(customer.clone()));
    let turns = take_turns(
        ROUNDS,
        [
            calls(&echo),
            Contestant::Requests(&mut getting, "get", customer.clone()),
            Contestant::Requests(&mut posting, "post", "bare".to_owned()),
            calls(&naked),
            calls(&default),
            calls(&everything),
        ],
    );
    let [
        of_echo,
        of_get,
        of_post,
        of_naked,
        of_default,
        of_everything,
    ] = turns.await;

    of_echo.tell(
        findings,
        GROUP,
        "echo",
        "A tonic server that answers GetCustomer from memory, 8 callers with a connection each that wait for their answers; CPU of the server.",
    );
    of_get.tell(
        findings,
        GROUP,
        "client, GET",
        "reqwest gets the same customer of the sandbox, 8 at a time, and reads the body; CPU of that client.",
    );
    of_post.tell(
        findings,
        GROUP,
        "client, POST",
        "reqwest posts new customers to the sandbox, 8 at a time, and reads the bodies; CPU of that client.",
    );
    of_naked.tell(
        findings,
        GROUP,
        "naked gateway",
        "A tonic handler that calls reqwest with a token, decodes by serde and answers, as the libraries come; callers as those of the echo; CPU of that process.",
    );
    of_default.tell(
        findings,
        GROUP,
        "gateway",
        "The program with no setting but what it needs: a line of log for each call, to a file; the same callers; CPU of the gateway.",
    );
    // Some are still on their way, and what the collector can't take is dropped.
    let spans: f64 = collector.ask("how many?").await.parse().unwrap();
    assert!(spans > 0.0, "no span has come");
    let note = format!(
        "The same with certificates of callers, a policy, an audit file that is synced before each answer, and spans of each call and its request, of which {:.1} a call reached a collector; CPU of the gateway.",
        spans / of_everything.calls
    );
    of_everything.tell(findings, GROUP, "gateway with everything", &note);
    let bars = [
        ("echo", &of_echo),
        ("client, GET", &of_get),
        ("naked gateway", &of_naked),
        ("gateway", &of_default),
        ("gateway with everything", &of_everything),
    ];
    let bars = bars.map(|(name, turns)| (Place::Name(name.to_owned()), turns.spread().median));
    findings.draw(Plot {
        file: "cost-of-a-read",
        title: "What a read costs",
        kind: Kind::Bars,
        x: "who is measured",
        y: "µs of CPU per call",
        series: vec![Series {
            name: "µs of CPU per call".to_owned(),
            points: bars.into(),
        }],
        ..Plot::default()
    });
    let over = [
        (&of_default, "gateway over naked gateway", 1.15),
        (
            &of_everything,
            "gateway with everything over naked gateway",
            1.5,
        ),
    ];
    for (turns, name, most) in over {
        let figure = turns.over(&of_naked, GROUP, name).bar(Limit::AtMost(most));
        findings.add(figure.note("CPU per call over that of the naked gateway in the same round."));
    }

    for subject in [echo, naked, default, everything] {
        subject.stop().await;
    }
    for role in [getting, posting, collector] {
        role.stop().await;
    }
    vendor.stop().await;
}
