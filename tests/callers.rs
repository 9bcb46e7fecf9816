//! Who may call what, end to end: every role at every method, and what callers say of themselves.

pub(crate) mod certificates;
mod forged;
mod redacted;
mod refused;
pub(crate) mod tokens;

use std::collections::BTreeSet;

use openfinance_gateway::config::{
    self,
    auth::{Auth, Grant, Role, StaticKey},
};
use openfinance_rpc::{METHODS, pb};
use secrecy::SecretBox;
use sha2::{Digest as _, Sha256};
use tonic::{
    Code, Request, Status,
    client::Grpc,
    codegen::http::uri::PathAndQuery,
    metadata::{MetadataMap, MetadataValue},
};
use tonic_prost::ProstCodec;
use tonic_types::StatusExt as _;

use crate::{canary, world::World};

pub(crate) use refused::CASES;

/// Callers by key, each of whom has its own name for a key: what they are called, and what they may do.
pub(crate) fn by_key(policy: &[(&str, &[Role], &[&'static str])]) -> Auth {
    let names: BTreeSet<&str> = policy.iter().map(|(name, ..)| *name).collect();
    Auth {
        keys: names
            .into_iter()
            .map(|name| StaticKey {
                principal: name.to_owned(),
                sha256: SecretBox::new(Box::new(Sha256::digest(key_of(name)).into())),
            })
            .collect(),
        policy: policy
            .iter()
            .map(|(name, roles, permissions)| Grant {
                principal: (*name).to_owned(),
                method: None,
                permissions: roles
                    .iter()
                    .flat_map(|role| role.permissions())
                    .chain(permissions.iter().copied())
                    .collect(),
            })
            .collect(),
        ..Auth::default()
    }
}

/// The key of the caller with this name.
pub(crate) fn key_of(name: &str) -> String {
    format!("key-of-{name}-0123456789abcdef")
}

/// A world whose gateway tells callers apart.
async fn world(auth: Auth) -> World {
    World::with_gateway(|_| (), |settings: &mut config::Config| settings.auth = auth).await
}

/// A request of this caller.
pub(crate) fn by<T>(name: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let key = key_of(name).parse().unwrap();
    request.metadata_mut().insert("x-api-key", key);
    request
}

/// Calls any method with an empty message, and reads no answer.
async fn call(world: &World, path: &'static str, metadata: MetadataMap) -> Result<(), Status> {
    let mut client = Grpc::new(world.channel());
    client.ready().await.unwrap();
    let request = Request::from_parts(metadata, Default::default(), ());
    let codec = ProstCodec::<(), ()>::default();
    let path = PathAndQuery::from_static(path);
    let method = METHODS.iter().find(|method| method.path == path.as_str());
    if method.is_some_and(|method| method.server_streaming) {
        let answer = client.server_streaming(request, path, codec).await?;
        return answer.into_inner().message().await.map(|_| ());
    }
    client.unary(request, path, codec).await.map(|_| ())
}

fn key_header(name: &str) -> MetadataMap {
    by(name, ()).metadata().clone()
}

fn reason(status: &Status) -> String {
    canary::scan(&format!("{status:?}"));
    let details = status.get_error_details();
    details
        .error_info()
        .map(|info| info.reason.clone())
        .unwrap_or_default()
}

#[tokio::test]
async fn each_role_may_call_its_methods_and_no_other() {
    let world = world(by_key(&[
        ("reader", &[Role::Reader], &[]),
        ("writer", &[Role::Writer], &[]),
        ("admin", &[Role::Admin], &[]),
        ("clerk", &[], &["consumers.read"]),
        ("nobody", &[], &[]),
    ]))
    .await;
    for method in METHODS {
        let (noun, verb) = method.permission.split_once('.').unwrap();
        let reads = verb == "read";
        let changes = noun != "partner" && !reads;
        for (name, may) in [
            ("reader", reads),
            ("writer", reads || changes),
            ("admin", true),
            ("clerk", method.permission == "consumers.read"),
            ("nobody", false),
        ] {
            let answer = call(&world, method.path, key_header(name)).await;
            let refused = answer.err().is_some_and(|status| {
                status.code() == Code::PermissionDenied && reason(&status) == "CALLER_FORBIDDEN"
            });
            assert_eq!(refused, !may, "{name} at {}", method.path);
        }
        let stranger = call(&world, method.path, MetadataMap::new()).await;
        let status = stranger.unwrap_err();
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::Unauthenticated, "CALLER_UNAUTHENTICATED"),
            "{}",
            method.path
        );
    }
    world.stop().await;
}

#[tokio::test]
async fn health_is_open_and_the_contract_is_told_to_callers_alone() {
    const REFLECTION: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
    let world = world(by_key(&[
        ("clerk", &[], &["consumers.read"]),
        ("nobody", &[], &[]),
    ]))
    .await;
    let none = MetadataMap::new;
    call(&world, "/grpc.health.v1.Health/Check", none())
        .await
        .unwrap();
    for (path, headers, code) in [
        (REFLECTION, none(), Code::Unauthenticated),
        (REFLECTION, key_header("nobody"), Code::PermissionDenied),
        (
            "/openfinance.v1.CustomerService/Forge",
            none(),
            Code::Unauthenticated,
        ),
        (
            "/openfinance.v1.CustomerService/Forge",
            key_header("clerk"),
            Code::Unimplemented,
        ),
    ] {
        let status = call(&world, path, headers).await.unwrap_err();
        assert_eq!(status.code(), code, "{path}");
    }
    world.stop().await;
}

#[tokio::test]
async fn what_a_caller_says_of_itself_counts_for_nothing() {
    let world = world(by_key(&[
        ("admin", &[Role::Admin], &[]),
        ("nobody", &[], &[]),
    ]))
    .await;
    for (header, value) in [
        ("x-forwarded-client-cert", "By=spiffe://a;URI=admin"),
        ("x-forwarded-user", "admin"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-real-ip", "127.0.0.1"),
        ("x-ssl-client-s-dn", "CN=admin"),
        ("x-ssl-client-cert", "admin"),
        ("x-client-identity", "admin"),
        ("x-envoy-peer-metadata", "admin"),
        ("l5d-client-id", "admin"),
        ("x-amzn-oidc-identity", "admin"),
        ("x-goog-authenticated-user-id", "admin"),
        ("x-principal", "admin"),
        ("forwarded", "for=127.0.0.1;by=admin"),
        ("authorization", "Basic YWRtaW46YWRtaW4="),
        ("x-api-key", "admin"),
    ] {
        let value: MetadataValue<_> = value.parse().unwrap();
        let mut alone = MetadataMap::new();
        alone.insert(header, value.clone());
        let path = "/openfinance.v1.GatewayService/GetCallerIdentity";
        let status = call(&world, path, alone).await.unwrap_err();
        assert_eq!(status.code(), Code::Unauthenticated, "{header}");
        if header == "x-api-key" {
            continue;
        }
        let mut beside = key_header("nobody");
        beside.insert(header, value);
        let status = call(&world, path, beside).await.unwrap_err();
        assert_eq!(status.code(), Code::PermissionDenied, "{header}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_key_that_is_sent_twice_is_none() {
    let world = world(by_key(&[("admin", &[Role::Admin], &[])])).await;
    let mut headers = key_header("admin");
    headers.append("x-api-key", key_of("admin").parse().unwrap());
    let path = "/openfinance.v1.GatewayService/GetCallerIdentity";
    let status = call(&world, path, headers).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    world.stop().await;
}

#[tokio::test]
async fn callers_are_told_who_they_are() {
    let auth = by_key(&[("batch", &[], &["pii.read", "gateway.read"])]);
    let world = world(auth).await;
    let request = by("batch", pb::GetCallerIdentityRequest {});
    let identity = world.gateway_itself().get_caller_identity(request).await;
    let identity = identity.map(world.seen()).unwrap();
    assert_eq!(
        identity,
        pb::CallerIdentity {
            principal: "batch".to_owned(),
            method: pb::CallerMethod::Key.into(),
            permissions: vec!["gateway.read".to_owned(), "pii.read".to_owned()],
        }
    );
    world.stop().await;
}

#[tokio::test]
async fn without_authentication_everybody_may_do_everything() {
    let world = World::start().await;
    let request = pb::GetCallerIdentityRequest {};
    let identity = world.gateway_itself().get_caller_identity(request).await;
    let identity = identity.map(world.seen()).unwrap();
    assert_eq!(identity.principal, "anonymous");
    assert_eq!(identity.method(), pb::CallerMethod::None);
    let needed = METHODS.iter().map(|method| method.permission);
    let needed = needed.chain(["pii.read", "tax_id.read"]);
    let all: BTreeSet<_> = needed.collect();
    assert_eq!(identity.permissions, all.into_iter().collect::<Vec<_>>());
    world.stop().await;
}
