//! The settings by name: one table that reading, checking and showing share.

/// A setting.
#[derive(Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name in the file, such as `partner.id`.
    pub name: &'static str,
    /// Whether it is a secret, which is never shown and may be the content of a file.
    pub secret: bool,
    /// Whether it is several words, with commas between them; in the file it may be a list of strings too.
    pub list: bool,
}

impl Key {
    const fn plain(name: &'static str) -> Self {
        Self {
            name,
            secret: false,
            list: false,
        }
    }

    const fn list(name: &'static str) -> Self {
        Self {
            list: true,
            ..Self::plain(name)
        }
    }

    const fn secret(name: &'static str) -> Self {
        Self {
            secret: true,
            ..Self::plain(name)
        }
    }

    /// Every setting there is.
    pub const ALL: &[Self] = &[
        Self::plain("partner.id"),
        Self::secret("partner.secret"),
        Self::secret("partner.app_key"),
        Self::plain("upstream.base_url"),
        Self::plain("shared.store_path"),
        Self::secret("shared.redis_url"),
        Self::secret("shared.key"),
        Self::plain("grpc.listen"),
        Self::plain("grpc.web"),
        Self::list("grpc.web_origins"),
        Self::plain("admin.listen"),
        Self::plain("auth.mtls"),
        Self::plain("auth.jwt.issuer"),
        Self::plain("auth.jwt.audience"),
        Self::plain("auth.jwt.jwks_file"),
        Self::plain("auth.jwt.jwks_url"),
        Self::plain("tls.cert"),
        Self::plain("tls.key"),
        Self::plain("tls.client_ca"),
        Self::plain("tls.min_version"),
        Self::plain("sandbox.listen"),
        Self::plain("deadline.default"),
        Self::plain("deadline.max"),
        Self::plain("retry.attempt_timeout"),
        Self::plain("retry.quiet_time"),
        Self::plain("retry.write_cap"),
        Self::plain("limits.calls_per_second"),
        Self::plain("limits.calls_burst"),
        Self::plain("limits.creates_per_second"),
        Self::plain("limits.creates_burst"),
        Self::plain("limits.in_flight"),
        Self::plain("limits.waiting"),
        Self::plain("limits.reserved_for_writes"),
        Self::plain("limits.longest_wait"),
        Self::plain("limits.connections"),
        Self::plain("limits.connections_per_peer"),
        Self::plain("limits.handshake_timeout"),
        Self::plain("limits.message_timeout"),
        Self::plain("limits.idle_timeout"),
        Self::plain("limits.stall_timeout"),
        Self::plain("limits.connection_age"),
        Self::plain("limits.connection_grace"),
        Self::plain("limits.keepalive_interval"),
        Self::plain("limits.keepalive_timeout"),
        Self::plain("limits.streams_per_connection"),
        Self::plain("limits.header_bytes"),
        Self::plain("limits.stream_window_bytes"),
        Self::plain("limits.connection_window_bytes"),
        Self::plain("limits.unread_resets"),
        Self::plain("limits.cancelled_calls"),
        Self::plain("limits.forced_resets"),
        Self::plain("limits.control_frames"),
        Self::plain("limits.request_bytes"),
        Self::plain("limits.answer_bytes"),
        Self::plain("drain.grace"),
        Self::plain("audit.path"),
        Self::plain("log.format"),
        Self::plain("log.level"),
    ];

    /// The setting that `name` stands for, and whether `name` is the form that names a file with the value.
    pub(super) fn find(name: &str) -> Option<(&'static Self, bool)> {
        let exact = |name: &str| Self::ALL.iter().find(|key| key.name == name);
        exact(name).map(|key| (key, false)).or_else(|| {
            let key = exact(name.strip_suffix("_file")?)?;
            key.secret.then_some((key, true))
        })
    }

    /// The environment variable of the setting `name`.
    pub(super) fn variable(name: &str) -> String {
        format!("{PREFIX}{}", name.replace('.', "__").to_ascii_uppercase())
    }

    /// The setting's name that the environment variable `variable` stands for; `None` if it is none of ours.
    pub(super) fn from_variable(variable: &str) -> Option<String> {
        let rest = variable.strip_prefix(PREFIX)?;
        (!NOT_SETTINGS.contains(&variable)).then(|| {
            // Only upper case stands for a setting; anything else stays as it is and is found unknown.
            let upper = rest == rest.to_ascii_uppercase();
            if upper {
                rest.replace("__", ".").to_ascii_lowercase()
            } else {
                rest.to_owned()
            }
        })
    }
}

/// A setting that is a list of tables (`[[policy]]`). Only the file can hold one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) name: &'static str,
    /// What may stand in each of the tables.
    pub(super) fields: &'static [&'static str],
}

impl Table {
    pub(super) const ALL: &[Self] = &[
        Self {
            name: "auth.keys",
            fields: &["principal", "sha256"],
        },
        Self {
            name: "policy",
            fields: &["principal", "method", "roles", "permissions"],
        },
    ];

    pub(super) fn find(name: &str) -> Option<&'static Self> {
        Self::ALL.iter().find(|table| table.name == name)
    }
}

const PREFIX: &str = "OPENFINANCE_";

/// Variables with our prefix that other tools of the repository read.
const NOT_SETTINGS: &[&str] = &["OPENFINANCE_VENDOR_DOCS", "OPENFINANCE_ADVISORY_DB"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_and_its_setting_name_each_other() {
        for key in Key::ALL {
            assert_eq!(
                Key::from_variable(&Key::variable(key.name)).as_deref(),
                Some(key.name)
            );
        }
        assert_eq!(
            Key::variable("partner.secret_file"),
            "OPENFINANCE_PARTNER__SECRET_FILE"
        );
        for ours in NOT_SETTINGS {
            assert_eq!(Key::from_variable(ours), None, "{ours}");
        }
        assert_eq!(Key::from_variable("PATH"), None);
    }

    #[test]
    fn only_secrets_have_a_file_form() {
        assert!(matches!(
            Key::find("partner.secret_file"),
            Some((
                Key {
                    name: "partner.secret",
                    ..
                },
                true
            ))
        ));
        assert_eq!(Key::find("partner.id_file"), None);
        assert_eq!(Key::find("partner"), None);
    }
}
