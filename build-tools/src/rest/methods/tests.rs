//! One method as progenitor writes it, and all that could be written in another way. That ours compile and send what they
//! should is for the tests of `crates/rest`.

use super::*;

/// A method as progenitor writes it.
const BEFORE: &str = r#"
    impl Client {
        pub async fn get_thing<'a>(
            &'a self,
            thing_id: &'a types::ThingId,
            limit: Option<u32>,
        ) -> Result<ResponseValue<types::Thing>, Error<()>> {
            let url = format!("{}/things/{}", self.baseurl, encode_path(&thing_id.to_string()));
            let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
            header_map.append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
            #[allow(unused_mut)]
            let mut request = self
                .client
                .get(url)
                .header(
                    ::reqwest::header::ACCEPT,
                    ::reqwest::header::HeaderValue::from_static("application/json"),
                )
                .query(&progenitor_client::QueryParam::new("limit", &limit))
                .headers(header_map)
                .build()?;
            let info = OperationInfo { operation_id: "get_thing" };
            self.pre(&mut request, &info).await?;
            let result = self.exec(request, &info).await;
            self.post(&result, &info).await?;
            let response = result?;
            match response.status().as_u16() {
                200u16 => ResponseValue::from_response(response).await,
                _ => Err(Error::UnexpectedResponse(response)),
            }
        }
    }
"#;

/// The same method as ours.
const AFTER: &str = r#"
    impl Client {
        pub async fn get_thing<'a>(
            &'a self,
            thing_id: &'a types::ThingId,
            limit: Option<u32>,
        ) -> Result<ResponseValue<types::Thing>, Error<()>> {
            let url = format!("{}/things/{}", self.baseurl, encode_path(&thing_id.to_string()));
            #[allow(unused_mut)]
            let mut request = self
                .inner
                .request(::reqwest::Method::GET, &url)
                .query(&progenitor_client::QueryParam::new("limit", &limit))
                .build()?;
            let info = OperationInfo { operation_id: "get_thing" };
            self.pre(&mut request, &info).await?;
            let result = self.inner.exec(request).await;
            let response = result?;
            match response.status().as_u16() {
                200u16 => response.decoded(),
                _ => Err(Error::UnexpectedResponse(response.into())),
            }
        }
    }
"#;

/// Where progenitor puts the headers that are parameters.
const VERSION_ENDS: &str = "Self::api_version()),\n            );";

/// What becomes of code.
fn lean(code: &str) -> Result<String> {
    let mut file = syn::parse_file(code)?;
    make_lean(&mut file)?;
    Ok(prettyplease::unparse(&file))
}

/// Code as it is written out.
fn written(code: &str) -> String {
    prettyplease::unparse(&syn::parse_file(code).unwrap())
}

#[test]
fn a_method_makes_its_request_and_reads_its_answer_as_ours_do() {
    assert_eq!(lean(BEFORE).unwrap(), written(AFTER));
}

#[test]
fn headers_that_are_parameters_stay() {
    let parameter = r#"
            if let Some(value) = api_version {
                header_map.append("api-version", value.to_string().try_into()?);
            }"#;
    let before = BEFORE.replace(VERSION_ENDS, &format!("{VERSION_ENDS}{parameter}"));
    let headers =
        "let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);\n            ";
    let after = AFTER.replace(
        "#[allow(unused_mut)]",
        &format!("{headers}{parameter}\n#[allow(unused_mut)]"),
    );
    let after = after.replace(".build()?", ".headers(header_map)\n.build()?");
    assert_ne!((&*before, &*after), (BEFORE, AFTER));
    assert_eq!(lean(&before).unwrap(), written(&after));
}

#[test]
fn methods_are_those_that_the_document_says_and_names_those_that_progenitor_chose() {
    for method in ["options", "trace", "patch"] {
        let before = BEFORE
            .replace(".get(url)", &format!(".{method}(_url)"))
            .replace("let url", "let _url");
        let begun = format!("::reqwest::Method::{}, &_url)", method.to_uppercase());
        assert!(lean(&before).unwrap().contains(&begun), "{method}");
    }
}

#[test]
fn answers_that_are_not_decoded_become_responses() {
    for (answer, ours) in [
        (
            "Ok(ResponseValue::empty(response))",
            "Ok(ResponseValue::empty(response.into()))",
        ),
        (
            "Ok(ResponseValue::stream(response))",
            "Ok(ResponseValue::stream(response.into()))",
        ),
        (
            "ResponseValue::upgrade(response).await",
            "ResponseValue::upgrade(response.into()).await",
        ),
        (
            "Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))",
            "Err(Error::ErrorResponse(response.decoded()?))",
        ),
    ] {
        let before = BEFORE.replace("ResponseValue::from_response(response).await", answer);
        assert!(lean(&before).unwrap().contains(ours), "{answer}");
    }
}

#[test]
fn what_progenitor_writes_in_another_way_is_an_error_that_names_the_method_and_the_file() {
    for (known, other, expected) in [
        (
            ".client\n",
            ".client()\n",
            "0 requests are begun, and not one",
        ),
        (
            "let url = ",
            "let other = self.client.head(url);\nlet url = ",
            "2 requests are begun, and not one",
        ),
        (
            "let url = ",
            "let client = &self.client;\nlet url = ",
            "it still has self.client",
        ),
        (
            "header_map.append(",
            "header_map.insert(",
            "0 versions of the document are sent, and not one",
        ),
        (
            "::reqwest::header::HeaderValue::from_static(Self::api_version())",
            "self.version()",
            "0 versions of the document are sent, and not one",
        ),
        (
            ".header(\n                    ::reqwest::header::ACCEPT",
            ".header_of(\n                    ::reqwest::header::ACCEPT",
            "it still has ACCEPT",
        ),
        (
            "ResponseValue::from_response(response).await",
            "ResponseValue::from_response(response)",
            "it still has from_response",
        ),
        (
            "self.exec(request, &info)",
            "self.execute(request, &info)",
            "0 requests are sent, and not one",
        ),
        (
            "self.post(&result, &info).await?;",
            "self.post(&result, &info).await;",
            "0 hooks are called behind that, and not one",
        ),
        (
            "ResponseValue::from_response(response).await",
            "ResponseValue::of(response).await",
            "its answer is made a value by none of from_response, empty, stream, upgrade",
        ),
    ] {
        let before = BEFORE.replace(known, other);
        assert_ne!(before, BEFORE, "{known}");
        let error = format!("{:#}", lean(&before).unwrap_err());
        assert!(error.contains(expected), "{other}: {error}");
        for place in ["get_thing", "build-tools/src/rest/methods.rs"] {
            assert!(error.contains(place), "{place}: {error}");
        }
    }
}
