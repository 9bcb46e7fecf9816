//! What an item is made of, and what callers give to it.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "syn's enums grow, and what is not named here is nothing that a caller can name"
)]

use std::collections::{BTreeMap, BTreeSet};

use syn::{
    Attribute, Fields, FnArg, ImplItem, Item as Syntax, ItemEnum, ItemImpl, ItemStruct, ItemTrait,
    Path, Signature, Token, TraitItem, Visibility, parse_quote, punctuated::Punctuated,
};

use super::{
    spelling,
    surface::{Item, Members, public},
};

pub(super) fn plain(head: String) -> Item {
    Item {
        head,
        ..Item::default()
    }
}

pub(super) fn structure(item: &ItemStruct) -> Item {
    let mut fields = BTreeMap::new();
    let mut holds = BTreeSet::new();
    for (index, field) in item.fields.iter().enumerate() {
        if public(&field.vis) {
            let name = field
                .ident
                .as_ref()
                .map_or_else(|| index.to_string(), ToString::to_string);
            let spelled = spelling::of(&field.ty);
            holds.extend(spelling::names(&spelled));
            fields.insert(name, spelled);
        }
    }
    let mut head = item.clone();
    head.attrs.clear();
    head.vis = Visibility::Inherited;
    head.fields = Fields::Unit;
    head.semi_token = Some(<Token![;]>::default());
    Item {
        head: spelling::item(Syntax::Struct(head)),
        closed: fields.len() < item.fields.len() || non_exhaustive(&item.attrs),
        members: Members::Fields(fields),
        traits: derived(&item.attrs),
        holds,
        ..Item::default()
    }
}

pub(super) fn choice(item: &ItemEnum) -> Item {
    let mut variants = BTreeMap::new();
    let mut holds = BTreeSet::new();
    for variant in &item.variants {
        let mut variant = variant.clone();
        variant.attrs.clear();
        variant.discriminant = None;
        variant
            .fields
            .iter_mut()
            .for_each(|field| field.attrs.clear());
        for field in &variant.fields {
            holds.extend(spelling::names(&spelling::of(&field.ty)));
        }
        let name = variant.ident.to_string();
        let alone: ItemEnum = parse_quote!(
            enum E {}
        );
        let alone = ItemEnum {
            variants: Punctuated::from_iter([variant]),
            ..alone
        };
        let spelled = spelling::item(Syntax::Enum(alone));
        let spelled = spelled
            .split_once('{')
            .and_then(|(_, rest)| rest.rsplit_once('}'))
            .map_or(spelled.as_str(), |(inner, _)| inner);
        let spelled = spelled.trim().trim_end_matches(',').to_owned();
        variants.insert(name, spelled);
    }
    let mut head = item.clone();
    head.attrs.clear();
    head.vis = Visibility::Inherited;
    head.variants.clear();
    Item {
        head: spelling::item(Syntax::Enum(head))
            .trim_end_matches([' ', '{', '}'])
            .to_owned(),
        closed: non_exhaustive(&item.attrs),
        members: Members::Variants(variants),
        traits: derived(&item.attrs),
        holds,
        ..Item::default()
    }
}

pub(super) fn demand(item: &ItemTrait) -> Item {
    let mut demanded = BTreeMap::new();
    for item in &item.items {
        match item {
            TraitItem::Fn(item) => {
                demanded.insert(item.sig.ident.to_string(), spelling::signature(&item.sig));
            }
            TraitItem::Type(item) => {
                demanded.insert(item.ident.to_string(), "type".to_owned());
            }
            TraitItem::Const(item) => {
                demanded.insert(item.ident.to_string(), spelling::of(&item.ty));
            }
            _ => {}
        }
    }
    Item {
        members: Members::Demanded(demanded),
        ..plain(format!("trait {}", item.ident))
    }
}

/// Adds the methods and constants of an implementation.
pub(super) fn methods(known: &mut Item, item: &ItemImpl) {
    for item in &item.items {
        match item {
            ImplItem::Fn(item) if public(&item.vis) => {
                known.takes.extend(taken(&item.sig));
                known
                    .methods
                    .insert(item.sig.ident.to_string(), spelling::signature(&item.sig));
            }
            ImplItem::Const(item) if public(&item.vis) => {
                let head = format!("const {}: {}", item.ident, spelling::of(&item.ty));
                known.methods.insert(item.ident.to_string(), head);
            }
            _ => {}
        }
    }
}

/// What an implementation of a trait is associated with, in words.
pub(super) fn associated(item: &ItemImpl) -> String {
    let types: BTreeSet<String> = item
        .items
        .iter()
        .filter_map(|item| match item {
            ImplItem::Type(item) => Some(format!("{} = {}", item.ident, spelling::of(&item.ty))),
            _ => None,
        })
        .collect();
    Vec::from_iter(types).join(", ")
}

pub(super) fn taken(signature: &Signature) -> BTreeSet<String> {
    signature
        .inputs
        .iter()
        .filter_map(|argument| match argument {
            FnArg::Typed(argument) => Some(spelling::names(&spelling::of(&argument.ty))),
            _ => None,
        })
        .flatten()
        .collect()
}

fn non_exhaustive(attributes: &[Attribute]) -> bool {
    attributes
        .iter()
        .any(|attribute| attribute.path().is_ident("non_exhaustive"))
}

/// The traits that are derived. One written by hand instead is the same to a caller.
fn derived(attributes: &[Attribute]) -> BTreeMap<String, String> {
    attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("derive"))
        .filter_map(|attribute| {
            attribute
                .parse_args_with(Punctuated::<Path, Token![,]>::parse_terminated)
                .ok()
        })
        .flatten()
        .filter_map(|path| {
            let name = path.segments.last()?.ident.to_string();
            Some((name, String::new()))
        })
        .collect()
}
