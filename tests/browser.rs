//! The sandbox's page in a real browser. Needs `chromedriver` on the path; `cargo xtask ci` installs it.

pub(crate) mod driver;

use openfinance_sandbox::{Config, Lock, Operation, PartnerCredentials, Sandbox};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use crate::canary;
use driver::{Browser, Scheme};

/// Would do something, were it ever taken for more than text.
const HOSTILE: &str =
    "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>";
/// What nobody may see before they ask.
const PERSONAL: [&str; 6] = [
    canary::LAST_NAME,
    canary::EMAIL,
    canary::TAX_ID,
    "onerror",
    "household-4711",
    "8642",
];

/// A sandbox with somebody in it, its page in a browser, and a client of the imitated API.
struct Page {
    sandbox: Sandbox,
    partner: PartnerCredentials,
    client: Client,
    token: String,
    customer: String,
    browser: Browser,
}

impl Page {
    async fn open() -> Self {
        canary::watch_the_log();
        let config = Config::for_tests();
        let partner = config.partner.clone();
        let sandbox = Sandbox::start(config).await.unwrap();
        let mut page = Self {
            sandbox,
            partner,
            client: driver::client(),
            token: String::new(),
            customer: String::new(),
            browser: Browser::start().await,
        };
        page.fill().await;
        let url = format!("{}/__sandbox", page.sandbox.base_url());
        page.browser.open(&url).await;
        page.browser.until_text("#live", "live").await;
        page
    }

    async fn send(&self, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        let url = format!("{}{path}", self.sandbox.base_url());
        let request = self
            .client
            .request(method, url)
            .header("Finicity-App-Key", &self.partner.app_key)
            .header("Finicity-App-Token", &self.token);
        let response = request.json(&body).send().await.unwrap();
        let status = response.status();
        (status, response.json().await.unwrap_or_default())
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.send(Method::POST, path, body).await;
        assert!(status.is_success(), "{path}: {answer}");
        answer
    }

    async fn read_customer(&self) -> StatusCode {
        let path = format!("/aggregation/v1/customers/{}", self.customer);
        self.send(Method::GET, &path, json!(null)).await.0
    }

    /// One record of each kind, with hostile text wherever the vendor lets it through.
    async fn fill(&mut self) {
        let credentials =
            json!({"partnerId": self.partner.id, "partnerSecret": self.partner.secret});
        let token = self
            .post("/aggregation/v2/partners/authentication", credentials)
            .await;
        self.token = token["token"].as_str().unwrap().to_owned();
        let customer = json!({
            "username": "household-4711", "firstName": canary::FIRST_NAME, "lastName": canary::LAST_NAME,
        });
        let customer = self
            .post("/aggregation/v2/customers/testing", customer)
            .await;
        self.customer = customer["id"].as_str().unwrap().to_owned();
        let consumer = json!({
            "firstName": HOSTILE, "lastName": canary::LAST_NAME, "address": HOSTILE, "city": "Murray", "state": "UT",
            "ssn": canary::SSN, "email": canary::EMAIL,
            "birthday": {"year": 1937, "month": 11, "dayOfMonth": 23},
        });
        let id = &self.customer;
        self.post(
            &format!("/decisioning/v1/customers/{id}/consumer"),
            consumer,
        )
        .await;
        let business = json!({
            "name": HOSTILE, "personallyLiable": true, "type": HOSTILE, "taxId": canary::TAX_ID,
            "address": {"city": HOSTILE, "state": "UT"}, "phoneNumber": {"countryCode": "1", "phoneNo": HOSTILE},
        });
        self.post(
            &format!("/business-services/customers/{id}/businesses"),
            business,
        )
        .await;
        let login = json!({"customerId": id, "connection": "oauth"});
        self.post("/__sandbox/v1/institution-logins", login).await;
    }

    /// Shows the records of a kind and waits for the one that there is.
    async fn show(&self, kind: &str, column: &str) {
        self.browser
            .click(&format!("#kinds label:has([value={kind}])"))
            .await;
        self.browser.until_text("#records thead", column).await;
        self.browser
            .until("document.querySelector('#records tbody')")
            .await;
    }

    async fn assert_masked(&self) {
        let all = self.browser.all().await;
        for personal in PERSONAL {
            assert!(!all.contains(personal), "{personal} is in the page");
        }
        assert!(all.contains("***"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_masked_until_asked_for_and_never_more_than_text() {
    let page = Page::open().await;
    let browser = &page.browser;
    let kinds = [
        ("customers", "Username", canary::LAST_NAME),
        ("consumers", "SSN", "8642"),
        ("businesses", "Tax id", canary::TAX_ID),
    ];
    for (kind, column, _) in kinds {
        page.show(kind, column).await;
        browser.until_text("#records tbody", "***").await;
        page.assert_masked().await;
    }
    page.show("institutionLogins", "Connection").await;
    browser.until_text("#records tbody", "valid").await;

    page.show("customers", "Username").await;
    browser.click("#personal").await;
    for (kind, column, value) in kinds {
        page.show(kind, column).await;
        browser.until_text("#records tbody", value).await;
        browser.click("#records tbody button").await;
        browser.until_text("#records pre", value).await;
    }
    browser.until_text("#records pre", "onerror").await;
    let harmed = "return document.title === 'owned' || document.querySelectorAll('img, #records script').length";
    assert_eq!(browser.run(harmed).await, json!(0));

    browser.click("#personal").await;
    browser.until_text("#records tbody", "***").await;
    page.assert_masked().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_the_partner_and_the_tokens_are_turned_from_the_page() {
    let page = Page::open().await;
    let (browser, control) = (&page.browser, page.sandbox.control());
    browser.until_text("#now", "2026-01-01 00:00:00 UTC").await;
    browser.click("[data-advance='3600']").await;
    browser.until_text("#now", "2026-01-01 01:00:00 UTC").await;
    browser.write("#advance-amount", "1.5").await;
    browser.choose("#advance-unit", "days").await;
    browser.click("#advance button").await;
    browser.until_text("#now", "2026-01-02 13:00:00 UTC").await;
    assert_eq!(control.now().to_string(), "2026-01-02T13:00:00Z");

    let lock = "[data-partner] button";
    browser.press(lock, "\u{e007}").await;
    browser.until_text("#partners", "locked").await;
    assert!(control.summary().partners[0].locked);
    // Whoever works with keys only is still where they were.
    let focus = browser
        .run("return document.activeElement.textContent")
        .await;
    assert_eq!(focus, "Unlock");
    browser.click(lock).await;
    browser.until_text("#partners", "open").await;
    assert!(!control.summary().partners[0].locked);

    control.reset(None);
    control.set_partner_locked(None, Lock::Unlocked).unwrap();
    let credentials = json!({"partnerId": page.partner.id, "partnerSecret": page.partner.secret});
    page.post("/aggregation/v2/partners/authentication", credentials)
        .await;
    assert_eq!(control.counts().tokens, 1);
    browser.click("[data-revoke=all]").await;
    browser.until_text("#said", "One token is revoked.").await;
    assert_eq!(control.counts().tokens, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_is_added_seen_fired_and_removed() {
    let page = Page::open().await;
    let browser = &page.browser;
    browser.click("#fault-new summary").await;
    browser.choose("[data-key=operation]", "GetCustomer").await;
    browser.write("[data-effect=status]", "502").await;
    browser
        .write("[data-effect=headers]", "Retry-After: 7")
        .await;
    let rule = browser
        .run("return JSON.parse(document.getElementById('fault-rule').value)")
        .await;
    let expected = json!({
        "operation": "GetCustomer", "commit": "never", "effect": {"status": 502, "headers": {"Retry-After": "7"}},
    });
    assert_eq!(rule, expected);
    browser.click("#fault button[type=submit]").await;
    browser.until_text("[data-fault='1']", "0 of 1").await;

    assert_eq!(page.read_customer().await, StatusCode::BAD_GATEWAY);
    assert_eq!(page.read_customer().await, StatusCode::OK);
    browser.until_text("[data-fault='1'].spent", "1 of 1").await;
    browser
        .until_text("#requests tr:nth-child(2)", "fault 1")
        .await;
    browser.until_text("#requests tr:nth-child(2)", "502").await;
    browser
        .until_text("#requests tr:first-child", &page.customer)
        .await;
    browser
        .choose("#requests-operation", "CreateConsumer")
        .await;
    browser
        .until("document.querySelectorAll('#requests tr').length === 1")
        .await;

    browser.click("[data-fault='1'] button").await;
    browser
        .until("!document.querySelector('[data-fault]')")
        .await;
    assert_eq!(page.sandbox.control().faults(), []);

    // The text of the rule takes what the form has no field for, and tells what is refused.
    let text = r#"{"operation": "GetConsumer", "effect": {"latency_ms": 5, "surprise": 1}}"#;
    browser.write("#fault-rule", text).await;
    let latency = browser
        .run("return document.querySelector('[data-effect=latency_ms]').value")
        .await;
    assert_eq!(latency, "5");
    browser.click("#fault button[type=submit]").await;
    browser
        .until_text("#fault-problem", "unknown key effect.surprise")
        .await;
    browser.write("#fault-rule", "{").await;
    browser.until_text("#fault-problem", "not JSON").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_wait_at_a_barrier_until_it_is_released() {
    let page = Page::open().await;
    let browser = &page.browser;
    browser.choose("#barrier-operation", "GetCustomer").await;
    browser.click("#barrier button").await;
    browser.until_text("#barriers", "0 waiting").await;
    let (status, ()) = tokio::join!(page.read_customer(), async {
        browser.until_text("#barriers", "1 waiting").await;
        browser.until_text("#requests tr:first-child", "held").await;
        browser.click("#barriers button").await;
    });
    assert_eq!(status, StatusCode::OK);
    browser.until_text("#barriers", "released").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_holds_the_page_and_a_reset_is_asked_about_first() {
    let page = Page::open().await;
    let (browser, control) = (&page.browser, page.sandbox.control());
    browser.click("#pause").await;
    browser.until_text("#live", "paused").await;
    // What was asked before the pause may still be under way.
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    browser.asked().await;
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    assert_eq!(browser.asked().await, Vec::<String>::new());
    browser.click("#pause").await;
    browser.until_text("#live", "live").await;

    browser.write("#reset-seed", "7").await;
    browser.click("#reset button").await;
    browser.click("#sure-no").await;
    assert_eq!(control.counts().customers, 1);
    browser.click("#reset button").await;
    browser.click("#sure-yes").await;
    browser.until_text("#said", "from seed 7").await;
    assert_eq!((control.summary().seed, control.counts().customers), (7, 0));
    browser
        .until("document.querySelector('#records-none').checkVisibility()")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_asks_nobody_else_complains_of_nothing_and_names_all_it_has() {
    let page = Page::open().await;
    let browser = &page.browser;
    for scheme in [Scheme::Light, Scheme::Dark] {
        browser.prefer(scheme).await;
        let dark = browser.run("return getComputedStyle(document.body).colorScheme !== '' && matchMedia('(prefers-color-scheme: dark)').matches").await;
        assert_eq!(dark, json!(scheme == Scheme::Dark));
        page.show("consumers", "SSN").await;
        page.show("customers", "Username").await;
    }
    browser.click("#fault-new summary").await;
    let nameless = "return [...document.querySelectorAll('button, input, select, textarea')].filter((control) => \
        !control.ariaLabel && !control.labels?.length && !control.textContent.trim()).map((control) => control.outerHTML)";
    assert_eq!(browser.run(nameless).await, json!([]));
    let operations = browser
        .run("return document.querySelectorAll('[data-key=operation] option').length")
        .await;
    assert_eq!(operations, json!(Operation::all().len() + 1));

    let origin = format!("{}/", page.sandbox.base_url());
    let asked = browser.asked().await;
    assert!(asked.len() > 5);
    for url in asked {
        assert!(url.starts_with(&origin), "the page asked for {url}");
    }
    // Not even a browser's own wish for an icon has come to the imitated API.
    let strays = page.sandbox.control().requests(None);
    assert!(
        strays.iter().all(|request| request.operation.is_some()),
        "{strays:?}"
    );
    assert_eq!(browser.console().await, Vec::<Value>::new());
}
