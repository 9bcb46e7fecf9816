//! Executes the table of `tests/clients/conformance.json`, as the README beside it says.

mod compare;
mod dynamic;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use openfinance_client::{
    Connection, Problem, Tries,
    surroundings::{Surroundings, variable},
};
use serde_json::{Map, Value, json};
use tonic::Status;

use compare::{code_name, holds};
use dynamic::Answer;

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let mut surroundings = Surroundings::new()?;
    let table: Value = serde_json::from_str(&fs::read_to_string(variable("CONFORMANCE_TABLE")?)?)?;
    let mut runner = Runner {
        variables: HashMap::from([("large".to_owned(), "1".repeat(70_000))]),
        connections: BTreeMap::new(),
    };
    for row in table["rows"].as_array().context("no rows")? {
        let went = runner.run(&surroundings, row).await;
        surroundings.shown(row["name"].as_str().unwrap_or_default(), went);
    }
    Ok(surroundings.end())
}

/// What goes on from row to row.
struct Runner {
    variables: HashMap<String, String>,
    connections: BTreeMap<String, Connection>,
}

impl Runner {
    async fn run(&mut self, surroundings: &Surroundings, row: &Value) -> Result<()> {
        for asked in row["sandbox"].as_array().into_iter().flatten() {
            let asked = self.filled(asked)?;
            let [method, path] =
                ["method", "path"].map(|name| asked[name].as_str().unwrap_or_default());
            let answer = surroundings
                .sandbox(method, path, asked.get("body"))
                .await?;
            self.save(&asked, &answer)?;
        }
        let row = self.filled(row)?;
        let caller = row["caller"].as_str().unwrap_or("writer");
        let connection = match self.connections.get(caller) {
            Some(connection) => connection.clone(),
            None => surroundings.connect(caller, Tries::One)?,
        };
        self.connections
            .insert(caller.to_owned(), connection.clone());
        let timeout = Duration::from_millis(row["timeout_ms"].as_u64().unwrap_or(10_000));
        let call = || dynamic::call(connection.clone(), &row, timeout);
        for _ in 1..row["times"].as_u64().unwrap_or(1) {
            // Only the last one is compared.
            let _ = call().await?;
        }
        let expect = row["expect"]
            .as_object()
            .context("a row expects something")?;
        match call().await? {
            Err(status) => refused(expect, &status),
            Ok(answer) => {
                answered(expect, &answer)?;
                self.save(&row, answer.messages.first().unwrap_or(&Value::Null))
            }
        }
    }

    /// The value with every variable replaced.
    fn filled(&self, value: &Value) -> Result<Value> {
        Ok(match value {
            Value::String(text) => {
                let mut parts = text.split("${");
                let mut filled = parts.next().unwrap_or_default().to_owned();
                for part in parts {
                    let (name, rest) = part.split_once('}').context("a variable without end")?;
                    let value = self.variables.get(name);
                    filled += value.with_context(|| format!("nothing has saved {name}"))?;
                    filled += rest;
                }
                filled.into()
            }
            Value::Array(list) => list
                .iter()
                .map(|one| self.filled(one))
                .collect::<Result<_>>()?,
            Value::Object(object) => object
                .iter()
                .map(|(name, value)| Ok((name.clone(), self.filled(value)?)))
                .collect::<Result<Map<_, _>>>()?
                .into(),
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        })
    }

    fn save(&mut self, from: &Value, answer: &Value) -> Result<()> {
        for (name, path) in from["save"].as_object().into_iter().flatten() {
            let path = path.as_str().unwrap_or_default();
            let value = answer.pointer(&format!("/{}", path.replace('.', "/")));
            let value = match value {
                Some(Value::String(text)) => text.clone(),
                Some(Value::Number(number)) => number.to_string(),
                Some(_) | None => bail!("there is no {path} to save"),
            };
            self.variables.insert(name.clone(), value);
        }
        Ok(())
    }
}

fn answered(expect: &Map<String, Value>, answer: &Answer) -> Result<()> {
    ensure!(expect["code"] == "OK", "OK and not {}", expect["code"]);
    let found = json!({
        "message": answer.messages.first(),
        "messages": answer.messages.len(),
        "headers": answer.headers,
    });
    for (name, value) in expect.iter().filter(|(name, _)| *name != "code") {
        holds(value, found.get(name), name)?;
    }
    Ok(())
}

fn refused(expect: &Map<String, Value>, status: &Status) -> Result<()> {
    let problem = Problem::from(status);
    let code = code_name(status.code());
    ensure!(expect["code"] == *code, "{code} and not {}", expect["code"]);
    let mut expect = expect.clone();
    if expect.contains_key("reason") {
        expect
            .entry("domain")
            .or_insert_with(|| "openfinance".into());
    }
    let wanted = expect.remove("violations").unwrap_or_default();
    let wanted: BTreeSet<&str> = wanted
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let violations: BTreeSet<&str> = problem.violations.iter().map(String::as_str).collect();
    ensure!(
        wanted == violations,
        "violations are {violations:?} and not {wanted:?}"
    );
    expect.entry("retry_delay").or_insert(false.into());
    let found = json!({
        "code": code,
        "reason": problem.reason,
        "domain": problem.domain,
        "metadata": problem.metadata,
        "retry_delay": problem.retry_delay.is_some_and(|delay| !delay.is_zero()),
        "resource": problem.resource,
    });
    for (name, value) in &expect {
        holds(value, found.get(name), name)?;
    }
    Ok(())
}
