//! The functions that an ELF file's symbol tables name.

use core::cmp::Reverse;
use object::{Object, ObjectSymbol, SymbolKind};

/// A function's name, and where its code is in the file's own addresses.
struct Function {
    start: u64,
    /// 0 where the assembler said none: then up to the next function.
    size: u64,
    name: Box<str>,
}

/// Functions by address; of several names for one, the one that programs know it by.
#[derive(Default)]
pub(super) struct SymbolTable {
    functions: Vec<Function>,
}

impl SymbolTable {
    /// Those of both tables, of what is exported and of the rest, and of a file of debug information
    /// that was split off.
    pub(super) fn of<'data>(files: &[&impl Object<'data>]) -> Self {
        let mut functions = Vec::new();
        for file in files {
            for symbol in file.symbols().chain(file.dynamic_symbols()) {
                let is_code = matches!(symbol.kind(), SymbolKind::Text | SymbolKind::Unknown);
                if !is_code || symbol.is_undefined() || symbol.address() == 0 {
                    continue;
                }
                if let Ok(name) = symbol.name()
                    && !name.is_empty()
                {
                    functions.push(Function {
                        start: symbol.address(),
                        size: symbol.size(),
                        name: name.into(),
                    });
                }
            }
        }
        functions.sort_unstable_by(|one, other| {
            let key = |function: &Function| (function.start, Reverse(function.size));
            key(one)
                .cmp(&key(other))
                .then_with(|| publicity(&one.name).cmp(&publicity(&other.name)))
        });
        functions.dedup_by_key(|function| function.start);
        Self { functions }
    }

    /// The name of the function that holds an address of the file's.
    pub(super) fn at(&self, address: u64) -> Option<&str> {
        let after = self
            .functions
            .partition_point(|function| function.start <= address);
        let function = &self.functions[after.checked_sub(1)?];
        let inside = function.size == 0 || address - function.start < function.size;
        inside.then_some(&*function.name)
    }
}

/// The C library has several names for most functions: `strdup` and `__strdup`, `fopen`, `fopen64` and
/// `_IO_file_fopen`. Programs write the one without decoration.
fn publicity(name: &str) -> (usize, bool, usize, &str) {
    let underscores = name.len() - name.trim_start_matches('_').len();
    // A mangled name begins with some, and is no alias of C's.
    let decorated = if name.starts_with("_Z") || name.starts_with("_R") {
        0
    } else {
        underscores
    };
    (decorated, name.ends_with("64"), name.len(), name)
}

#[cfg(test)]
mod tests {
    use super::publicity;

    #[test]
    fn the_name_that_programs_write_comes_first() {
        for (known, aliases) in [
            ("strdup", ["__strdup", "__GI_strdup"]),
            ("fopen", ["fopen64", "_IO_file_fopen"]),
            ("puts", ["_IO_puts", "__puts"]),
        ] {
            for alias in aliases {
                assert!(publicity(known) < publicity(alias), "{alias}");
            }
        }
    }
}
