//! The partner's credentials on a request.

use reqwest::{
    Request,
    header::{HeaderName, HeaderValue},
};

use crate::Call;

const APP_KEY: HeaderName = HeaderName::from_static("finicity-app-key");
const APP_TOKEN: HeaderName = HeaderName::from_static("finicity-app-token");

/// What a request is allowed by. A text that is no header value is kept as its absence until a request is made.
#[derive(Clone)]
pub(crate) struct Credentials {
    app_key: Option<HeaderValue>,
    token: Option<Option<HeaderValue>>,
}

impl Credentials {
    /// Puts the credentials on a request, or says why that can't be done.
    pub(crate) fn put(&self, request: &mut Request) -> Result<(), &'static str> {
        let headers = request.headers_mut();
        let app_key = self.app_key.clone();
        headers.insert(
            APP_KEY,
            app_key.ok_or("the application key is no header value")?,
        );
        if let Some(token) = self.token.clone() {
            headers.insert(APP_TOKEN, token.ok_or("the token is no header value")?);
        }
        Ok(())
    }
}

// The vendor names twenty seconds for calls that reach no institution, and none of these does: the usual limit fits.
impl Call {
    /// A call with the partner's application key and no token, which is all that partner authentication takes.
    pub fn new(app_key: &str) -> Self {
        Self::with(Credentials {
            app_key: secret(app_key),
            token: None,
        })
    }

    /// With an access token, which every operation but those on partner authentication wants.
    #[must_use]
    pub fn token(mut self, token: &str) -> Self {
        self.credentials.token = Some(secret(token));
        self
    }
}

/// A header value that is printed nowhere and compressed by nobody.
fn secret(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}
