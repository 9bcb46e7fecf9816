//! How generated methods make their requests and read their answers.
//!
//! Progenitor's methods parse the whole URL of each request, though its server is always the same; they send the version
//! of the document, which no server asks for, and say what they accept, which the hooks say too; they want each answer as a
//! response of the HTTP client's, and look at each of its texts for bytes that are none. Ours have `crate::call::Attempt`
//! make the request and send it, and decode what comes back as it is. Our hooks do nothing behind that, so that the hook
//! for it is not called.
//!
//! What progenitor writes in another way than it is known to is an error, so that nothing of this is lost unseen.

#[cfg(test)]
mod tests;

use std::mem;

use anyhow::{Context as _, Result, ensure};
use proc_macro2::Ident;
use syn::{
    Block, Expr, ExprMethodCall, File, ImplItem, ImplItemFn, Item, Local, Member, Pat, Stmt,
    fold::{self, Fold},
    parse_quote,
    visit::{self, Visit},
};

/// What progenitor calls the headers of a request.
const HEADERS: &str = "header_map";
/// The functions of `ResponseValue` that make an answer one.
const ANSWERS: [&str; 4] = ["from_response", "empty", "stream", "upgrade"];

/// What is made of a response of the HTTP client's, and of none of ours.
const RESPONSES: [&str; 4] = ["empty", "stream", "upgrade", "UnexpectedResponse"];

/// Has every method make its request and read its answer as ours do.
///
/// # Errors
/// A method that is not written as progenitor is known to write it.
pub(super) fn make_lean(file: &mut File) -> Result<()> {
    for item in &mut file.items {
        let Item::Impl(block) = item else { continue };
        for item in &mut block.items {
            if let ImplItem::Fn(method) = item
                && method.sig.asyncness.is_some()
            {
                let name = method.sig.ident.to_string();
                make_method_lean(method).with_context(|| {
                    format!(
                        "progenitor writes the method {name} in a way that build-tools/src/rest/methods.rs does not \
                         know: adapt that file to what it writes now"
                    )
                })?;
            }
        }
    }
    Ok(())
}

fn make_method_lean(method: &mut ImplItemFn) -> Result<()> {
    let seen = Seen::of(&method.block);
    ensure!(
        seen.answers > 0,
        "its answer is made a value by none of {}",
        ANSWERS.join(", ")
    );
    let mut lean = Lean {
        // They are named twice for the version alone: where it becomes one, and where they are put on the request.
        drops_headers: seen.headers == 2,
        ..Lean::default()
    };
    let block = Block {
        brace_token: method.block.brace_token,
        stmts: mem::take(&mut method.block.stmts),
    };
    method.block = lean.fold_block(block);
    for (count, what) in [
        (lean.requests, "requests are begun"),
        (lean.versions, "versions of the document are sent"),
        (lean.sent, "requests are sent"),
        (lean.hooks, "hooks are called behind that"),
    ] {
        ensure!(count == 1, "{count} {what}, and not one");
    }
    let left = Seen::of(&method.block).superfluous;
    ensure!(left.is_empty(), "it still has {}", left.join(", "));
    Ok(())
}

/// What there is in a method.
#[derive(Default)]
struct Seen {
    /// How often its headers are named, but for where they are made.
    headers: usize,
    /// How often an answer is made a value.
    answers: usize,
    /// What ours do not have.
    superfluous: Vec<String>,
}

impl Seen {
    fn of(block: &Block) -> Self {
        let mut seen = Self::default();
        seen.visit_block(block);
        seen
    }
}

impl Visit<'_> for Seen {
    fn visit_expr(&mut self, expr: &Expr) {
        if is_client(expr) {
            self.superfluous.push("self.client".to_owned());
        }
        if ANSWERS
            .iter()
            .any(|answer| argument(expr, answer).is_some())
        {
            self.answers += 1;
        }
        // A word by itself may be the name of a parameter.
        match (is_word(expr), name(expr).as_deref()) {
            (true, Some(HEADERS)) => self.headers += 1,
            (false, Some(name @ ("from_response" | "api_version" | "ACCEPT"))) => {
                self.superfluous.push(name.to_owned());
            }
            _ => {}
        }
        visit::visit_expr(self, expr);
    }
}

/// Makes a method one of ours.
#[derive(Default)]
struct Lean {
    /// Whether the headers are those of the version alone.
    drops_headers: bool,
    /// How many requests were found.
    requests: usize,
    /// How many versions of the document were left out.
    versions: usize,
    /// How many requests are sent.
    sent: usize,
    /// How many hooks behind that were left out.
    hooks: usize,
}

impl Fold for Lean {
    fn fold_block(&mut self, mut block: Block) -> Block {
        let before = block.stmts.len();
        block.stmts.retain(|statement| !sends_version(statement));
        self.versions += before - block.stmts.len();
        let before = block.stmts.len();
        block.stmts.retain(|statement| !calls_hook(statement));
        self.hooks += before - block.stmts.len();
        if self.drops_headers {
            block.stmts.retain(|statement| !makes_headers(statement));
        }
        fold::fold_block(self, block)
    }

    fn fold_expr(&mut self, expr: Expr) -> Expr {
        match fold::fold_expr(self, expr) {
            Expr::MethodCall(call) if is_client(&call.receiver) => {
                self.requests += 1;
                request(&call)
            }
            Expr::MethodCall(call) if self.is_superfluous(&call) => *call.receiver,
            Expr::MethodCall(call) if is_own(&call, "exec") => {
                self.sent += 1;
                let request = call.args.first();
                parse_quote!(self.inner.exec(#request))
            }
            Expr::Await(of) => match argument(&of.base, "from_response") {
                Some(response) => parse_quote!(#response.decoded()),
                None => Expr::Await(of),
            },
            Expr::Call(mut call) => {
                if name(&call.func).is_some_and(|name| RESPONSES.contains(&name.as_str()))
                    && let Some(response) = call.args.first_mut()
                {
                    *response = parse_quote!(#response.into());
                }
                Expr::Call(call)
            }
            expr => expr,
        }
    }
}

impl Lean {
    /// Whether a call puts headers on a request that are there anyway.
    fn is_superfluous(&self, call: &ExprMethodCall) -> bool {
        let header = call.args.first().and_then(name);
        match (&*call.method.to_string(), header.as_deref()) {
            ("header", Some("ACCEPT")) => true,
            ("headers", Some(HEADERS)) => self.drops_headers,
            _ => false,
        }
    }
}

/// What ours have for `self.client.get(url)`. Progenitor calls a function by the name of each method, and `reqwest` has
/// none for some.
fn request(call: &ExprMethodCall) -> Expr {
    let method = call.method.to_string().to_uppercase();
    let method = Ident::new(&method, call.method.span());
    let url = &call.args;
    parse_quote!(self.inner.request(::reqwest::Method::#method, &#url))
}

/// Whether this is `self.client`.
fn is_client(expr: &Expr) -> bool {
    let Expr::Field(field) = expr else {
        return false;
    };
    let is_client = matches!(&field.member, Member::Named(member) if member == "client");
    is_client && name(&field.base).is_some_and(|base| base == "self")
}

/// Whether this is `header_map.append(HeaderName::from_static(..), HeaderValue::from_static(Self::api_version()));`.
fn sends_version(statement: &Stmt) -> bool {
    let Stmt::Expr(Expr::MethodCall(call), _) = statement else {
        return false;
    };
    let value = call.args.last();
    let value = value.and_then(|value| argument(value, "from_static"));
    let is_version = matches!(value, Some(Expr::Call(of)) if name(&of.func).is_some_and(|name| name == "api_version"));
    let is_appended =
        call.method == "append" && name(&call.receiver).is_some_and(|of| of == HEADERS);
    is_version && is_appended
}

/// Whether this is `self.post(&result, &info).await?;`.
fn calls_hook(statement: &Stmt) -> bool {
    if let Stmt::Expr(Expr::Try(of), _) = statement
        && let Expr::Await(of) = &*of.expr
        && let Expr::MethodCall(call) = &*of.base
    {
        is_own(call, "post")
    } else {
        false
    }
}

/// Whether this is `self.method(..)`.
fn is_own(call: &ExprMethodCall, method: &str) -> bool {
    call.method == method && name(&call.receiver).is_some_and(|receiver| receiver == "self")
}

/// Whether this is `let mut header_map = ..;`.
fn makes_headers(statement: &Stmt) -> bool {
    matches!(statement, Stmt::Local(Local { pat: Pat::Ident(of), .. }) if of.ident == HEADERS)
}

/// The first argument of a call of the function with this name, whosever function it is.
fn argument<'expr>(expr: &'expr Expr, function: &str) -> Option<&'expr Expr> {
    let Expr::Call(call) = expr else { return None };
    let is_it = name(&call.func).is_some_and(|name| name == function);
    call.args.first().filter(|_| is_it)
}

/// Whether this is one word.
fn is_word(expr: &Expr) -> bool {
    matches!(expr, Expr::Path(of) if of.path.get_ident().is_some())
}

/// The last word of a path.
fn name(expr: &Expr) -> Option<String> {
    let Expr::Path(of) = expr else { return None };
    Some(of.path.segments.last()?.ident.to_string())
}
