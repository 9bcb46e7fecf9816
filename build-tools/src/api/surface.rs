//! What callers can name in a source.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "syn's enums grow, and what is not named here is nothing that a caller can name"
)]

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use syn::{Item as Syntax, ItemImpl, Path, Type, UseTree, Visibility};

use super::{
    shape::{associated, choice, demand, methods, plain, structure, taken},
    spelling,
};

/// Everything that callers can name.
#[derive(Default)]
pub(super) struct Surface {
    /// By path from the root of the source.
    pub(super) items: BTreeMap<String, Item>,
    /// Trait implementations for types of others, with what they are associated with.
    pub(super) foreign: BTreeMap<String, String>,
}

/// A public item.
#[derive(Default)]
pub(super) struct Item {
    /// The item without what is in it.
    pub(super) head: String,
    /// Whether callers can neither build it with a literal nor list all that it can be.
    pub(super) closed: bool,
    pub(super) members: Members,
    /// Methods and constants of its own.
    pub(super) methods: BTreeMap<String, String>,
    /// The traits that it has, with what they are associated with.
    pub(super) traits: BTreeMap<String, String>,
    /// The names in what callers give to it: the arguments of a function, or of the methods of a type.
    pub(super) takes: BTreeSet<String>,
    /// The names in its fields, or in whatever its variants hold.
    pub(super) holds: BTreeSet<String>,
}

/// What an item is made of.
#[derive(Default)]
pub(super) enum Members {
    /// Nothing, or nothing that can be named.
    #[default]
    None,
    /// The public fields of a struct.
    Fields(BTreeMap<String, String>),
    /// The variants of an enum.
    Variants(BTreeMap<String, String>),
    /// The items of a trait.
    Demanded(BTreeMap<String, String>),
}

impl Surface {
    /// What callers can name in this source.
    ///
    /// # Errors
    /// A source that is not Rust.
    pub(super) fn read(source: &str) -> Result<Self> {
        let file = syn::parse_file(source)?;
        let mut surface = Self::default();
        surface.define("", true, &file.items);
        // Implementations may stand before the type that they are of.
        surface.implement("", &file.items);
        Ok(surface)
    }

    /// The types that callers hand to a function or a method, and whatever is in these; each by its last name.
    pub(super) fn sent(&self) -> BTreeSet<&str> {
        let mut open: Vec<&str> = self
            .items
            .values()
            .flat_map(|item| &item.takes)
            .map(String::as_str)
            .collect();
        let mut sent = BTreeSet::new();
        while let Some(name) = open.pop() {
            if sent.insert(name) {
                let of_that_name = self.items.iter().filter(|(path, _)| last(path) == name);
                open.extend(
                    of_that_name.flat_map(|(_, item)| item.holds.iter().map(String::as_str)),
                );
            }
        }
        sent
    }

    fn define(&mut self, module: &str, visible: bool, items: &[Syntax]) {
        for item in items {
            match item {
                Syntax::Mod(inner) => {
                    if let Some((_, items)) = &inner.content {
                        let path = within(module, &inner.ident.to_string());
                        self.define(&path, visible && public(&inner.vis), items);
                    }
                }
                _ if !visible => {}
                Syntax::Struct(item) if public(&item.vis) => {
                    self.add(module, &item.ident.to_string(), structure(item));
                }
                Syntax::Enum(item) if public(&item.vis) => {
                    self.add(module, &item.ident.to_string(), choice(item));
                }
                Syntax::Trait(item) if public(&item.vis) => {
                    self.add(module, &item.ident.to_string(), demand(item));
                }
                Syntax::Type(item) if public(&item.vis) => {
                    let mut alias = item.clone();
                    alias.attrs.clear();
                    alias.vis = Visibility::Inherited;
                    let added = Item {
                        head: spelling::item(Syntax::Type(alias)),
                        holds: spelling::names(&spelling::of(&item.ty)),
                        ..Item::default()
                    };
                    self.add(module, &item.ident.to_string(), added);
                }
                Syntax::Const(item) if public(&item.vis) => {
                    let head = format!("const {}: {}", item.ident, spelling::of(&item.ty));
                    self.add(module, &item.ident.to_string(), plain(head));
                }
                Syntax::Static(item) if public(&item.vis) => {
                    let head = format!("static {}: {}", item.ident, spelling::of(&item.ty));
                    self.add(module, &item.ident.to_string(), plain(head));
                }
                Syntax::Fn(item) if public(&item.vis) => {
                    let added = Item {
                        takes: taken(&item.sig),
                        ..plain(spelling::signature(&item.sig))
                    };
                    self.add(module, &item.sig.ident.to_string(), added);
                }
                Syntax::Use(item) if public(&item.vis) => {
                    self.export(module, String::new(), &item.tree)
                }
                _ => {}
            }
        }
    }

    fn add(&mut self, module: &str, name: &str, item: Item) {
        self.items.insert(within(module, name), item);
    }

    /// Adds the names that a `pub use` brings.
    fn export(&mut self, module: &str, from: String, tree: &UseTree) {
        match tree {
            UseTree::Path(path) => {
                let from = within(&from, &path.ident.to_string());
                self.export(module, from, &path.tree);
            }
            UseTree::Name(name) => {
                let whole = within(&from, &name.ident.to_string());
                self.add(
                    module,
                    &name.ident.to_string(),
                    plain(format!("use {whole}")),
                );
            }
            UseTree::Rename(name) => {
                let whole = within(&from, &name.ident.to_string());
                self.add(
                    module,
                    &name.rename.to_string(),
                    plain(format!("use {whole}")),
                );
            }
            UseTree::Glob(_) => {
                let whole = within(&from, "*");
                self.add(module, &whole, plain(format!("use {whole}")));
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.export(module, from.clone(), tree);
                }
            }
        }
    }

    /// Adds what implementations give to types, wherever these stand: those in a private module count too.
    fn implement(&mut self, module: &str, items: &[Syntax]) {
        for item in items {
            match item {
                Syntax::Mod(inner) => {
                    if let Some((_, items)) = &inner.content {
                        self.implement(&within(module, &inner.ident.to_string()), items);
                    }
                }
                Syntax::Impl(item) => self.implementation(module, item),
                _ => {}
            }
        }
    }

    fn implementation(&mut self, module: &str, item: &ItemImpl) {
        let of = match &*item.self_ty {
            Type::Path(of) => resolved(module, &of.path),
            _ => String::new(),
        };
        let Some((path, _)) = &item.trait_ else {
            if let Some(known) = self.items.get_mut(&of) {
                methods(known, item);
            }
            return;
        };
        let name = spelling::of(&Type::Path(syn::TypePath {
            attrs: Vec::new(),
            qself: None,
            path: path.clone(),
        }));
        let associated = associated(item);
        if let Some(known) = self.items.get_mut(&of) {
            known.traits.insert(name, associated);
        } else {
            let of = spelling::of(&item.self_ty);
            self.foreign
                .insert(format!("impl {name} for {of}"), associated);
        }
    }
}

impl Members {
    pub(super) fn map(&self) -> Option<&BTreeMap<String, String>> {
        match self {
            Self::None => None,
            Self::Fields(map) | Self::Variants(map) | Self::Demanded(map) => Some(map),
        }
    }
}

pub(super) fn public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

fn within(module: &str, name: &str) -> String {
    if module.is_empty() {
        name.to_owned()
    } else {
        format!("{module}::{name}")
    }
}

/// The last part of a path.
pub(super) fn last(path: &str) -> &str {
    path.rsplit("::").next().unwrap_or(path)
}

/// Where a path leads that stands in this module.
fn resolved(module: &str, path: &Path) -> String {
    let mut whole: Vec<String> = module
        .split("::")
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect();
    for segment in &path.segments {
        match segment.ident.to_string().as_str() {
            "crate" => whole.clear(),
            "self" => {}
            "super" => {
                whole.pop();
            }
            name => whole.push(name.to_owned()),
        }
    }
    whole.join("::")
}
