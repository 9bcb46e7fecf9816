//! The partner's credentials on a request.

use std::fmt;

use reqwest::{
    Request,
    header::{HeaderName, HeaderValue},
};

use crate::Call;

const APP_KEY: HeaderName = HeaderName::from_static("finicity-app-key");
const APP_TOKEN: HeaderName = HeaderName::from_static("finicity-app-token");

/// A credential as it stands in a request, made once for many calls. It is printed nowhere and compressed by nobody. A text
/// that is no header value is kept as its absence until a request is made.
#[derive(Clone)]
pub struct Secret(Option<HeaderValue>);

impl Secret {
    /// The credential with this text.
    pub fn new(text: &str) -> Self {
        let value = HeaderValue::from_str(text).ok().map(|mut value| {
            value.set_sensitive(true);
            value
        });
        Self(value)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<&String> for Secret {
    fn from(text: &String) -> Self {
        Self::new(text)
    }
}

impl From<&Secret> for Secret {
    fn from(secret: &Secret) -> Self {
        secret.clone()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").finish_non_exhaustive()
    }
}

/// What a request is allowed by.
#[derive(Clone)]
pub(crate) struct Credentials {
    app_key: Secret,
    token: Option<Secret>,
}

impl Credentials {
    /// Puts the credentials on a request, or says why that can't be done.
    pub(crate) fn put(&self, request: &mut Request) -> Result<(), &'static str> {
        let headers = request.headers_mut();
        let Secret(app_key) = self.app_key.clone();
        headers.insert(
            APP_KEY,
            app_key.ok_or("the application key is no header value")?,
        );
        if let Some(Secret(token)) = self.token.clone() {
            headers.insert(APP_TOKEN, token.ok_or("the token is no header value")?);
        }
        Ok(())
    }
}

// The vendor names twenty seconds for calls that reach no institution, and none of these does: the usual limit fits.
impl Call {
    /// A call with the partner's application key and no token, which is all that partner authentication takes.
    pub fn new(app_key: impl Into<Secret>) -> Self {
        Self::with(Credentials {
            app_key: app_key.into(),
            token: None,
        })
    }

    /// With an access token, which every operation but those on partner authentication wants.
    #[must_use]
    pub fn token(mut self, token: impl Into<Secret>) -> Self {
        self.credentials.token = Some(token.into());
        self
    }
}
