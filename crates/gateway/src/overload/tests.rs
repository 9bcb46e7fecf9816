//! The layer under a clock that is held: what is served, what waits, what is refused.

use futures_util::future::join_all;
use tokio::time::Instant;
use tonic::Code;
use tonic_types::StatusExt as _;
use tower::service_fn;

use super::*;

const READ: &str = "/openfinance.v1.CustomerService/GetCustomer";
const WRITE: &str = "/openfinance.v1.CustomerService/UpdateCustomer";
const STREAM: &str = "/openfinance.v1.CustomerService/StreamCustomers";

const BOUNDS: Bounds = Bounds {
    in_flight: 8,
    waiting: 8,
    reserved_for_writes: 2,
    longest_wait: Duration::from_millis(500),
};

fn overload() -> Overload {
    Overload::new(BOUNDS, Metrics::new())
}

/// How long the vendor takes for a call.
const TAKES: Duration = Duration::from_millis(20);

fn request(path: &str, left: Option<Duration>) -> Request<Body> {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = path.parse().unwrap();
    let deadline = left.map_or_else(Deadline::none, |left| Deadline::at(Instant::now() + left));
    request.extensions_mut().insert(deadline);
    request
}

/// What a call at a service that takes so long comes to, and how long it was under way.
async fn call(
    overload: &Overload,
    path: &str,
    left: Option<Duration>,
    takes: Duration,
) -> (Status, Duration) {
    let inner = service_fn(move |request: Request<Body>| async move {
        // What is done for a call holds its deadline.
        let _deadline = request.extensions().get::<Deadline>().cloned();
        tokio::time::sleep(takes).await;
        Ok::<_, Infallible>(Status::ok("").into_http())
    });
    let started = Instant::now();
    let mut service = OverloadLayer::new(overload.clone()).layer(inner);
    let Ok(response) = service.call(request(path, left)).await;
    let status = Status::from_header_map(response.headers()).unwrap();
    (status, started.elapsed())
}

async fn outcomes(overload: &Overload, path: &str, calls: usize) -> Vec<(Code, Duration)> {
    let calls = (0..calls).map(|_| call(overload, path, None, TAKES));
    let ended = join_all(calls).await;
    ended
        .into_iter()
        .map(|(status, took)| (status.code(), took))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn what_there_is_no_place_for_waits_and_the_rest_is_refused_at_once() {
    let overload = self::overload();
    let outcomes = outcomes(&overload, WRITE, 100).await;
    let served = outcomes.iter().filter(|(code, _)| *code == Code::Ok);
    assert_eq!(served.clone().count(), 16);
    assert!(served.clone().all(|(_, took)| *took <= 2 * TAKES));
    let mut refused = outcomes.iter().filter(|(code, _)| *code != Code::Ok);
    assert!(refused.all(|refused| *refused == (Code::ResourceExhausted, Duration::ZERO)));
    assert_eq!(overload.figures(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_says_why_and_when_to_come_again() {
    let overload = Overload::new(
        Bounds {
            waiting: 0,
            ..BOUNDS
        },
        Metrics::new(),
    );
    let _places: Vec<_> = (0..8)
        .filter_map(|_| overload.try_enter(Work::Write, &"filler".into()))
        .collect();
    let (refused, _) = call(&overload, READ, None, TAKES).await;
    let details = refused.get_error_details();
    assert_eq!(details.error_info().unwrap().reason, "OVERLOADED");
    assert_eq!(
        details.retry_info().unwrap().retry_delay,
        Some(Duration::from_secs(1))
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_half_a_second_or_a_quarter_of_its_time() {
    let overload = self::overload();
    let _places: Vec<_> = (0..8)
        .filter_map(|_| overload.try_enter(Work::Write, &"filler".into()))
        .collect();
    for (left, millis) in [
        (None, 500),
        (Some(Duration::from_secs(20)), 500),
        (Some(Duration::from_secs(1)), 250),
    ] {
        let (refused, took) = call(&overload, READ, left, TAKES).await;
        assert_eq!(
            (refused.code(), took.as_millis()),
            (Code::ResourceExhausted, millis)
        );
    }
    assert_eq!(overload.figures(), (8, 0));
}

#[tokio::test(start_paused = true)]
async fn twice_what_can_be_carried_costs_none_of_what_is() {
    let overload = self::overload();
    // Six reads of 20 ms at a time are 300 a second: twice that for two seconds, one at a time.
    let interval = Duration::from_secs(2) / 1_200;
    let calls = (0..1_200).map(|number| {
        let overload = overload.clone();
        async move {
            tokio::time::sleep(interval * number).await;
            call(&overload, READ, None, TAKES).await
        }
    });
    let outcomes = join_all(calls).await;
    let served: Vec<_> = outcomes
        .iter()
        .filter(|(status, _)| status.code() == Code::Ok)
        .map(|(_, took)| *took)
        .collect();
    assert!(served.len() >= 590, "{} of 600", served.len());
    // Those before it in the line are served in one more turn.
    assert!(served.iter().all(|took| *took <= 3 * TAKES));
}

#[tokio::test(start_paused = true)]
async fn reads_that_stall_leave_writes_alone() {
    let overload = self::overload();
    let stalled = Duration::from_secs(60);
    let reads = join_all((0..100).map(|_| call(&overload, READ, None, stalled)));
    let writes = async {
        for _ in 0..100 {
            let (status, took) = call(&overload, WRITE, None, TAKES).await;
            assert_eq!((status.code(), took), (Code::Ok, TAKES));
        }
    };
    tokio::join!(reads, writes);
}

#[tokio::test(start_paused = true)]
async fn health_and_what_operators_steer_with_are_never_held_up() {
    let overload = self::overload();
    let _places: Vec<_> = (0..8)
        .filter_map(|_| overload.try_enter(Work::Write, &"filler".into()))
        .collect();
    for path in [
        "/grpc.health.v1.Health/Check",
        "/openfinance.v1.PartnerService/ResetAuthenticationGuard",
        "/none",
    ] {
        let (status, took) = call(&overload, path, None, TAKES).await;
        assert_eq!((status.code(), took), (Code::Ok, TAKES), "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_has_a_place_for_each_page_and_none_between() {
    let overload = self::overload();
    let inner = service_fn(|request: Request<Body>| async move {
        let admission = request.extensions().get::<Admission>().unwrap().clone();
        assert_eq!(admission.overload.figures(), (0, 0));
        let place = admission.enter().await.unwrap();
        assert_eq!(admission.overload.figures(), (1, 0));
        assert_eq!(admission.more(100).len(), 5);
        drop(place);
        assert_eq!(admission.overload.figures(), (0, 0));
        Ok::<_, Infallible>(Status::ok("").into_http())
    });
    let mut service = OverloadLayer::new(overload).layer(inner);
    let Ok(_) = service.call(request(STREAM, None)).await;
}

#[tokio::test(start_paused = true)]
async fn a_write_keeps_its_place_when_its_caller_has_gone() {
    let overload = self::overload();
    let inner = service_fn(|request: Request<Body>| async move {
        let deadline = request.extensions().get::<Deadline>().unwrap().unlimited();
        tokio::spawn(async move {
            tokio::time::sleep(TAKES).await;
            drop(deadline);
        });
        std::future::pending::<Result<Response<Body>, Infallible>>().await
    });
    let mut service = OverloadLayer::new(overload.clone()).layer(inner);
    let gone = tokio::time::timeout(TAKES / 2, service.call(request(WRITE, None))).await;
    assert!(gone.is_err());
    assert_eq!(overload.figures(), (1, 0));
    tokio::time::sleep(TAKES).await;
    assert_eq!(overload.figures(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn who_goes_away_while_waiting_makes_room() {
    let overload = self::overload();
    let places: Vec<_> = (0..8)
        .filter_map(|_| overload.try_enter(Work::Write, &"filler".into()))
        .collect();
    let waiting = call(&overload, READ, None, TAKES);
    assert!(tokio::time::timeout(TAKES, waiting).await.is_err());
    assert_eq!(overload.figures(), (8, 0));
    let more = Bounds {
        in_flight: 9,
        ..BOUNDS
    };
    let waits = call(&overload, WRITE, None, TAKES);
    let grows = async {
        tokio::time::sleep(TAKES).await;
        overload.set_bounds(more);
    };
    let ((status, took), ()) = tokio::join!(waits, grows);
    assert_eq!((status.code(), took), (Code::Ok, 2 * TAKES));
    drop(places);
    assert_eq!(overload.figures(), (0, 0));
}

/// The same request, by a caller of this name.
fn by(mut request: Request<Body>, caller: &str) -> Request<Body> {
    request.extensions_mut().insert(Caller::named(caller));
    request
}

#[tokio::test(start_paused = true)]
async fn reads_of_one_caller_that_stall_leave_places_to_the_others() {
    let overload = Overload::new(Bounds::default(), Metrics::new());
    let stalls = service_fn(|_: Request<Body>| async {
        tokio::time::sleep(Duration::from_secs(20)).await;
        Ok::<_, Infallible>(Status::ok("").into_http())
    });
    let answers = service_fn(|_: Request<Body>| async {
        tokio::time::sleep(TAKES).await;
        Ok::<_, Infallible>(Status::ok("").into_http())
    });
    let layer = OverloadLayer::new(overload.clone());
    let quiet = async |path| {
        let started = Instant::now();
        let Ok(response) = layer
            .layer(answers)
            .call(by(request(path, None), "quiet"))
            .await;
        let status = Status::from_header_map(response.headers()).unwrap();
        (status.code(), started.elapsed())
    };
    assert_eq!(quiet(READ).await, (Code::Ok, TAKES));
    // The loud one asks for all there is, again and again, for a minute and a half.
    let loud = (0..300).map(|_| async {
        for _ in 0..5 {
            let _ = layer
                .layer(stalls)
                .call(by(request(READ, None), "loud"))
                .await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let others = async {
        for _ in 0..100 {
            tokio::time::sleep(TAKES).await;
            assert_eq!(quiet(READ).await, (Code::Ok, TAKES));
            assert_eq!(quiet(WRITE).await, (Code::Ok, TAKES));
        }
    };
    tokio::select! {
        _ = join_all(loud) => panic!("it ended too early"),
        () = others => {}
    }
}
