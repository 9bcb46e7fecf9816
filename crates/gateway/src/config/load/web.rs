//! `grpc.web` and `grpc.web_origins` as meant.

use url::{Origin, Url};

use super::{
    super::{Web, auth::Auth},
    Reader,
};

impl Reader {
    /// What pages may call, if any may.
    pub(super) fn web(&mut self, auth: &Auth) -> Option<Web> {
        let on = self.switch("grpc.web");
        let unclear = self.entries.file_is_lost || self.entries.is_wrong_below("grpc");
        let origins = self.web_origins();
        if unclear {
            return None;
        }
        let source = |name: &str| self.sources.get(name).cloned();
        let (at_switch, at_origins) = (source("grpc.web"), source("grpc.web_origins"));
        if !on {
            if !origins.is_empty() {
                let warning = "is of no use while grpc.web is off";
                self.warn("grpc.web_origins", at_origins, warning.to_owned());
            }
            return None;
        }
        if origins.is_empty() {
            let warning = "no page may call: grpc.web_origins names none";
            self.warn("grpc.web", at_switch.clone(), warning.to_owned());
        }
        if auth.mtls && auth.jwt.is_none() && auth.keys.is_empty() {
            let warning = "no page can call: browsers show pages of other origins no certificate, so callers need auth.jwt.* \
                           or [[auth.keys]]";
            self.warn("grpc.web", at_switch, warning.to_owned());
        }
        Some(Web { origins })
    }

    fn web_origins(&mut self) -> Vec<String> {
        let Some(entry) = self.take("grpc.web_origins") else {
            return Vec::new();
        };
        let given = entry.text.split(',').map(str::trim);
        let origins: Vec<_> = given
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
            .collect();
        for (number, origin) in origins.iter().enumerate() {
            if let Some(meant) = wrong(origin) {
                let number = number + 1;
                let message = format!("entry {number} is no origin: {meant}");
                self.refuse("grpc.web_origins", &entry, &message);
            }
        }
        origins
    }
}

/// What an origin must be like, if this is none as a browser writes it.
fn wrong(text: &str) -> Option<String> {
    let rule = "write the scheme, the host and the port where it is not the usual one, such as https://support.example.com";
    if text.contains('*') {
        return Some("nothing stands for all pages; name each origin".to_owned());
    }
    let url = Url::parse(text).ok();
    let url = url.filter(|url| ["http", "https"].contains(&url.scheme()));
    match url.map(|url| url.origin()) {
        Some(origin @ Origin::Tuple(..)) => {
            let written = origin.ascii_serialization();
            (written != text).then(|| format!("browsers would write {written}"))
        }
        Some(Origin::Opaque(_)) | None => Some(rule.to_owned()),
    }
}
