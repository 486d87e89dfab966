//! Why a header could not be audited.

use std::fmt;
use std::path::PathBuf;

/// Why a header could not be audited. The message says what to do.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// No header was named.
    NoHeader,
    /// A header cannot be read.
    Unreadable(PathBuf, std::io::Error),
    /// There is no libclang, or one that cannot be loaded; with the loader's words.
    NoLibclang(String),
    /// clang found errors in the headers; with its messages, in its order.
    Header(Vec<String>),
    /// No function counts: the headers declare none themselves, and no part of a path that was asked
    /// for is that of a file with functions.
    NoFunctions(Vec<PathBuf>),
    /// A file of facts says what cannot be so: the file, the line from 1, and what is wrong there.
    Facts(PathBuf, usize, String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHeader => f.write_str("no header was named"),
            Self::Unreadable(path, error) => write!(f, "cannot read {}: {error}", path.display()),
            Self::NoLibclang(reason) => write!(
                f,
                "libclang is needed to read a header: {reason}\n\
                 install it (Debian: apt-get install libclang-dev), or set LIBCLANG_PATH to its directory"
            ),
            Self::Header(messages) => {
                for message in messages {
                    writeln!(f, "{message}")?;
                }
                if messages
                    .iter()
                    .any(|message| message.contains("'stddef.h' file not found"))
                {
                    f.write_str(
                        "clang's own headers are missing: install them beside libclang (Debian: \
                         libclang-common-VERSION-dev), or give their directory after --: -resource-dir DIRECTORY",
                    )
                } else {
                    f.write_str(
                        "the header does not parse; give what its users give to a compiler after --, \
                         as in: -- $(pkg-config --cflags LIBRARY)",
                    )
                }
            }
            Self::Facts(path, line, message) => write!(f, "{}:{line}: {message}", path.display()),
            Self::NoFunctions(headers) => {
                f.write_str("no function is declared in")?;
                for header in headers {
                    write!(f, " {}", header.display())?;
                }
                f.write_str(" itself; name what it includes too, as in: --files /git2/")
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable(_, error) => Some(error),
            _ => None,
        }
    }
}
