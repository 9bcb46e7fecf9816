//! What requests are allowed by.

use std::fmt;

use reqwest::{
    Request,
    header::{HeaderName, HeaderValue},
};

use crate::Call;

/// What a call is allowed by. All of it goes on every request of a call, so a call for an operation that wants less is
/// given less.
///
/// Prints where each credential goes, and never what it is.
#[derive(Clone, Default)]
pub struct Credentials {
    credentials: Vec<Credential>,
}

#[derive(Clone)]
struct Credential {
    place: Place,
    name: String,
    value: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "which places there are is up to the document")]
enum Place {
    Header,
    Query,
    Cookie,
}

impl Credentials {
    /// With a header of any name, for what the document does not declare. The last of one name counts.
    #[must_use]
    pub fn header(self, name: &str, value: &str) -> Self {
        self.with(Place::Header, &name.to_ascii_lowercase(), value.to_owned())
    }

    // The document's security schemes.

    fn with(mut self, place: Place, name: &str, value: String) -> Self {
        self.credentials
            .retain(|known| (known.place, known.name.as_str()) != (place, name));
        self.credentials.push(Credential {
            place,
            name: name.to_owned(),
            value,
        });
        self
    }

    /// Puts the credentials on a request, or says why that can't be done.
    pub(crate) fn put(&self, request: &mut Request) -> Result<(), &'static str> {
        let mut cookies = Vec::new();
        for Credential { place, name, value } in &self.credentials {
            match place {
                Place::Header => {
                    let name = HeaderName::from_bytes(name.as_bytes())
                        .map_err(|_| "a credential's name is no name of a header")?;
                    request.headers_mut().insert(name, secret(value)?);
                }
                Place::Query => {
                    request.url_mut().query_pairs_mut().append_pair(name, value);
                }
                Place::Cookie => cookies.push(format!("{name}={value}")),
            }
        }
        if !cookies.is_empty() {
            let cookies = secret(&cookies.join("; "))?;
            request.headers_mut().insert(reqwest::header::COOKIE, cookies);
        }
        Ok(())
    }
}

impl Call {
    /// A call with these credentials and the usual limits.
    pub fn new(credentials: &Credentials) -> Self {
        Self::with(credentials.clone())
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut places = f.debug_list();
        for Credential { place, name, .. } in &self.credentials {
            places.entry(&format_args!("{place:?} {name}"));
        }
        places.finish()
    }
}

/// A header value that is printed nowhere and compressed by nobody.
fn secret(text: &str) -> Result<HeaderValue, &'static str> {
    let mut value = HeaderValue::from_str(text).map_err(|_| "a credential is no header value")?;
    value.set_sensitive(true);
    Ok(value)
}
