//! Settings as TOML that could be read again, but for the secrets, with the source of each beside it.

use std::fmt::Write as _;

use super::{Config, Key, Sources, Upstream, Web, auth::KeySource, duration};

/// What stands for a secret.
const REDACTED: &str = "[redacted]";

pub(super) fn show(config: &Config, sources: &Sources) -> String {
    let mut out = String::new();
    let mut section = "";
    for key in Key::ALL {
        let Some(text) = text(config, sources, key) else {
            continue;
        };
        let (above, name) = key.name.rsplit_once('.').unwrap_or(("", key.name));
        if above != section {
            let gap = if out.is_empty() { "" } else { "\n" };
            let _ = writeln!(out, "{gap}[{above}]");
            section = above;
        }
        let source = sources
            .get(key.name)
            .map_or("default".to_owned(), ToString::to_string);
        let _ = writeln!(out, "{name} = {} # {source}", quote(&text));
    }
    for key in &config.auth.keys {
        let principal = quote(&key.principal);
        let _ = write!(
            out,
            "\n[[auth.keys]]\nprincipal = {principal}\nsha256 = {}\n",
            quote(REDACTED)
        );
    }
    for grant in &config.auth.policy {
        let permissions: Vec<_> = grant.permissions.iter().map(|name| quote(name)).collect();
        let _ = write!(
            out,
            "\n[[policy]]\nprincipal = {}\n{}permissions = [{}]\n",
            quote(&grant.principal),
            grant.method.map_or(String::new(), |method| format!(
                "method = {}\n",
                quote(method.as_str())
            )),
            permissions.join(", ")
        );
    }
    out
}

/// The value of a setting; `None` where it has none in this mode.
pub(super) fn text(config: &Config, sources: &Sources, key: &Key) -> Option<String> {
    let Config {
        upstream,
        shared,
        grpc_listen,
        web,
        admin_listen,
        auth,
        tls,
        port,
        deadline,
        retry,
        limits,
        drain_grace,
        audit_path,
        log,
    } = config;
    let vendor = match upstream {
        Upstream::Vendor(vendor) => Some(vendor),
        Upstream::Sandbox { .. } => None,
    };
    match key.name {
        "partner.id" => vendor.map(|vendor| vendor.partner_id.clone()),
        "partner.secret" | "partner.app_key" => vendor.map(|_| REDACTED.to_owned()),
        "upstream.base_url" => vendor.map(|vendor| vendor.base_url.as_str().to_owned()),
        "shared.store_path" => shared
            .store_path
            .as_ref()
            .map(|path| path.display().to_string()),
        "shared.redis_url" => shared.redis_url.as_ref().map(|_| REDACTED.to_owned()),
        "shared.key" => sources
            .contains_key("shared.key")
            .then(|| REDACTED.to_owned()),
        "grpc.listen" => Some(grpc_listen.to_string()),
        "grpc.web" => Some(if web.is_some() { "on" } else { "off" }.to_owned()),
        "grpc.web_origins" => web.as_ref().map(Web::show),
        "admin.listen" => Some(admin_listen.to_string()),
        "auth.mtls" => Some(if auth.mtls { "on" } else { "off" }.to_owned()),
        "auth.jwt.issuer" => auth.jwt.as_ref().map(|jwt| jwt.issuer.clone()),
        "auth.jwt.audience" => auth.jwt.as_ref().map(|jwt| jwt.audience.clone()),
        "auth.jwt.jwks_file" => match &auth.jwt.as_ref()?.keys {
            KeySource::File(path) => Some(path.display().to_string()),
            KeySource::Url(_) => None,
        },
        "auth.jwt.jwks_url" => match &auth.jwt.as_ref()?.keys {
            KeySource::File(_) => None,
            KeySource::Url(url) => Some(shown(url)),
        },
        "sandbox.listen" => match upstream {
            Upstream::Vendor(_) => None,
            Upstream::Sandbox { listen } => Some(listen.to_string()),
        },
        "deadline.default" => Some(duration::show(deadline.default)),
        "deadline.max" => Some(duration::show(deadline.max)),
        "retry.attempt_timeout" => Some(duration::show(retry.attempt_timeout)),
        "retry.quiet_time" => Some(duration::show(retry.quiet_time)),
        "retry.write_cap" => Some(duration::show(retry.write_cap)),
        "limits.calls_per_second" => limits.calls.map(|rate| rate.per_second.to_string()),
        "limits.calls_burst" => limits.calls.map(|rate| rate.burst.to_string()),
        "limits.creates_per_second" => limits.creates.map(|rate| rate.per_second.to_string()),
        "limits.creates_burst" => limits.creates.map(|rate| rate.burst.to_string()),
        "limits.in_flight" => Some(limits.bounds.in_flight.to_string()),
        "limits.waiting" => Some(limits.bounds.waiting.to_string()),
        "limits.reserved_for_writes" => Some(limits.bounds.reserved_for_writes.to_string()),
        "limits.longest_wait" => Some(duration::show(limits.bounds.longest_wait)),
        "drain.grace" => Some(duration::show(*drain_grace)),
        "audit.path" => audit_path.as_ref().map(|path| path.display().to_string()),
        "log.format" => Some(log.format.as_str().to_owned()),
        "log.level" => Some(log.level.clone()),
        name => tls
            .as_ref()
            .and_then(|tls| tls.show(name))
            .or_else(|| port.show(name)),
    }
}

/// An address without its query, which may have a secret in it.
pub(super) fn shown(url: &url::Url) -> String {
    let mut url = url.clone();
    if url.query().is_some() {
        url.set_query(Some("redacted"));
    }
    url.into()
}

/// A TOML basic string.
fn quote(text: &str) -> String {
    let mut out = String::from('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            letter if letter.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(letter));
            }
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}
