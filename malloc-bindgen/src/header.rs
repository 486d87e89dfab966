//! What libclang shows of a header: its functions, their types, and what is noted on them.

use clang::diagnostic::Severity;
use clang::{Clang, Entity, EntityKind, Index, StorageClass, Type, TypeKind, Unsaved};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::Error;

/// A C type, as far as ownership is concerned.
#[derive(Debug, Clone)]
pub(crate) struct CType {
    /// As the header spells it.
    pub(crate) spelling: String,
    /// For each pointer from the outside in, typedefs resolved: whether what it points to is const.
    pub(crate) pointers: Vec<bool>,
    /// What the innermost pointer points to, without qualifiers and `struct`.
    pub(crate) base: String,
    /// Whether that is a function.
    pub(crate) function: bool,
    /// Whether that is a struct or a union.
    pub(crate) record: bool,
    /// Whether that is a struct or a union without a definition.
    pub(crate) opaque: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Parameter {
    /// Empty where the header names none.
    pub(crate) name: String,
    pub(crate) c_type: CType,
    pub(crate) notes: Vec<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) file: PathBuf,
    pub(crate) line: u32,
    pub(crate) result: CType,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) variadic: bool,
    pub(crate) inline: bool,
    pub(crate) notes: Vec<String>,
}

/// Shows the attributes of glibc's headers, which hide them from clang, as annotations. Found before
/// the real one, which it includes.
const CDEFS: &str = include_str!("cdefs.h");

static READING: Mutex<()> = Mutex::new(());

/// All functions that these headers declare and include, by name.
pub(crate) fn read(headers: &[PathBuf], arguments: &[String]) -> Result<Vec<Function>, Error> {
    for header in headers {
        std::fs::File::open(header).map_err(|error| Error::Unreadable(header.clone(), error))?;
    }
    // The crate clang allows one reader in a process.
    let _reading = READING.lock().unwrap_or_else(PoisonError::into_inner);
    let clang = Clang::new().map_err(Error::NoLibclang)?;
    let index = Index::new(&clang, false, false);
    // Files that exist in memory alone: one that includes all headers, and one before glibc's.
    let directory = Path::new("/malloc-bindgen");
    let main = directory.join("headers.h");
    let mut includes = String::new();
    for header in headers {
        // Writing to a String does not fail.
        let _ = writeln!(includes, "#include \"{}\"", absolute(header).display());
    }
    let mut all = vec![
        "-fno-builtin".to_owned(),
        "-DMALLOC_BINDGEN".to_owned(),
        "-I".to_owned(),
        directory.display().to_string(),
    ];
    all.extend_from_slice(arguments);
    if let Ok(extra) = std::env::var("BINDGEN_EXTRA_CLANG_ARGS") {
        all.extend(extra.split_whitespace().map(str::to_owned));
    }
    let unit = index
        .parser(&main)
        .arguments(&all)
        .unsaved(&[
            Unsaved::new(&main, includes),
            Unsaved::new(directory.join("sys/cdefs.h"), CDEFS),
        ])
        .skip_function_bodies(true)
        .parse()
        .map_err(|error| Error::Header(vec![error.to_string()]))?;
    let errors: Vec<String> = unit
        .get_diagnostics()
        .iter()
        .filter(|diagnostic| diagnostic.get_severity() >= Severity::Error)
        .map(ToString::to_string)
        .collect();
    if !errors.is_empty() {
        return Err(Error::Header(errors));
    }
    let mut functions = BTreeMap::new();
    collect(unit.get_entity(), &mut functions);
    Ok(functions.into_values().collect())
}

/// A quoted include looks beside the file that includes it, which is nowhere.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

impl Function {
    /// Empty for a parameter without a name.
    pub(crate) fn parameter_names(&self) -> impl Iterator<Item = &str> + Clone {
        self.parameters
            .iter()
            .map(|parameter| parameter.name.as_str())
    }

    /// A redeclaration adds to what is known.
    fn add_notes_of(&mut self, other: &Self) {
        add(&mut self.notes, &other.notes);
        for (own, others) in self.parameters.iter_mut().zip(&other.parameters) {
            add(&mut own.notes, &others.notes);
            if own.name.is_empty() {
                own.name.clone_from(&others.name);
            }
        }
    }
}

fn add(notes: &mut Vec<String>, others: &[String]) {
    for note in others {
        if !notes.contains(note) {
            notes.push(note.clone());
        }
    }
}

fn collect(within: Entity<'_>, functions: &mut BTreeMap<String, Function>) {
    for entity in within.get_children() {
        match entity.get_kind() {
            EntityKind::LinkageSpec => collect(entity, functions),
            EntityKind::FunctionDecl => {
                if let Some(function) = function(entity) {
                    functions
                        .entry(function.name.clone())
                        .and_modify(|known| known.add_notes_of(&function))
                        .or_insert(function);
                }
            }
            _ => {}
        }
    }
}

fn function(entity: Entity<'_>) -> Option<Function> {
    let place = entity.get_location()?.get_expansion_location();
    Some(Function {
        name: entity.get_name()?,
        file: place.file?.get_path(),
        line: place.line,
        result: c_type(entity.get_result_type()?),
        parameters: entity
            .get_arguments()
            .unwrap_or_default()
            .into_iter()
            .filter_map(|parameter| {
                Some(Parameter {
                    name: parameter.get_name().unwrap_or_default(),
                    c_type: c_type(parameter.get_type()?),
                    notes: notes(parameter),
                })
            })
            .collect(),
        variadic: entity.is_variadic(),
        inline: entity.is_inline_function()
            && entity.get_storage_class() == Some(StorageClass::Static),
        notes: notes(entity),
    })
}

fn c_type(declared: Type<'_>) -> CType {
    let mut pointers = Vec::new();
    let mut inner = declared.get_canonical_type();
    while let Some(pointee) = pointee(inner) {
        pointers.push(pointee.is_const_qualified());
        inner = pointee.get_canonical_type();
    }
    let record = inner.get_kind() == TypeKind::Record;
    CType {
        spelling: declared.get_display_name(),
        pointers,
        // The type's own name, not its declaration's: a struct without a tag has none there.
        base: unqualified(&inner.get_display_name()),
        function: matches!(
            inner.get_kind(),
            TypeKind::FunctionPrototype | TypeKind::FunctionNoPrototype
        ),
        record,
        opaque: record && inner.get_sizeof().is_err(),
    }
}

/// What a pointer points to; a parameter that is an array is a pointer too.
fn pointee(of: Type<'_>) -> Option<Type<'_>> {
    match of.get_kind() {
        TypeKind::Pointer => of.get_pointee_type(),
        TypeKind::ConstantArray | TypeKind::IncompleteArray => of.get_element_type(),
        _ => None,
    }
}

fn unqualified(name: &str) -> String {
    name.split_whitespace()
        .filter(|word| !matches!(*word, "const" | "volatile" | "struct" | "union"))
        .collect::<Vec<_>>()
        .join(" ")
}

/// The annotations of a declaration; and attributes that libclang has no name for, as they are written.
fn notes(entity: Entity<'_>) -> Vec<String> {
    entity
        .get_children()
        .into_iter()
        .filter_map(|child| match child.get_kind() {
            EntityKind::AnnotateAttr => child.get_name(),
            EntityKind::UnexposedAttr => Some(written(child)),
            _ => None,
        })
        .collect()
}

fn written(attribute: Entity<'_>) -> String {
    let tokens = attribute.get_range().map(|range| range.tokenize());
    tokens
        .unwrap_or_default()
        .iter()
        .map(clang::token::Token::get_spelling)
        .collect()
}
