//! The files to write: claimed before the run, written after it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;

use anyhow::{Context as _, bail};

use crate::cli::{Cli, Target};
use crate::export;
use crate::plot;
use crate::scenario::Plan;
use crate::timeline::Track;

/// Makes a file's content from the run.
type Render = fn(&Plan, &[Track]) -> anyhow::Result<Vec<u8>>;

/// The outputs that were asked for, and what makes each.
pub(crate) struct Outputs(Vec<(Claim, Render)>);

impl Outputs {
    /// Makes sure that everything asked for can be written.
    pub(crate) fn claim(cli: &Cli) -> anyhow::Result<Self> {
        let wanted: [(&Option<Target>, bool, Render); 4] = [
            (&cli.svg, false, plot::svg),
            (&cli.png, true, plot::png),
            (&cli.json, false, export::json),
            (&cli.csv, false, export::csv),
        ];
        let mut claims = Vec::new();
        for (target, binary, render) in wanted {
            if let Some(target) = target {
                claims.push((Claim::new(target, binary)?, render));
            }
        }
        Ok(Self(claims))
    }

    /// Writes all of them; one that fails does not keep the others from it.
    pub(crate) fn write(self, plan: &Plan, tracks: &[Track]) -> Vec<anyhow::Error> {
        let write = |(claim, render): (Claim, Render)| claim.write(&render(plan, tracks)?);
        self.0
            .into_iter()
            .filter_map(|output| write(output).err())
            .collect()
    }
}

/// A place that is known to take an output, still untouched.
///
/// Dropping it unwritten leaves things as they were: a file that was there keeps
/// its content, and one that was not is gone again.
#[derive(Debug)]
enum Claim {
    StandardOutput,
    File {
        path: PathBuf,
        file: File,
        created: bool,
    },
}

impl Claim {
    /// Opens the target for writing, without changing what it holds.
    fn new(target: &Target, binary: bool) -> anyhow::Result<Self> {
        match target {
            Target::StandardOutput if binary && io::stdout().is_terminal() => {
                bail!(
                    "a picture in bytes is not for a terminal; give it a file or redirect standard output"
                )
            }
            Target::StandardOutput => Ok(Self::StandardOutput),
            Target::File(path) => {
                let mut options = OpenOptions::new();
                options.write(true);
                let (file, created) = match options.clone().create_new(true).open(path) {
                    Ok(file) => (file, true),
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                        let file = options.open(path);
                        (
                            file.with_context(|| format!("cannot write to {}", path.display()))?,
                            false,
                        )
                    }
                    Err(error) => {
                        return Err(error)
                            .with_context(|| format!("cannot create {}", path.display()));
                    }
                };
                Ok(Self::File {
                    path: path.clone(),
                    file,
                    created,
                })
            }
        }
    }

    /// Replaces what the target held by `content`.
    fn write(mut self, content: &[u8]) -> anyhow::Result<()> {
        match &mut self {
            Self::StandardOutput => {
                let mut out = io::stdout().lock();
                out.write_all(content)
                    .and_then(|()| out.flush())
                    .context("cannot write to standard output")
            }
            Self::File {
                path,
                file,
                created,
            } => {
                // A device or a pipe has no length to set.
                let regular = file.metadata().is_ok_and(|metadata| metadata.is_file());
                let emptied = if regular { file.set_len(0) } else { Ok(()) };
                let written = emptied.and_then(|()| file.write_all(content));
                written.with_context(|| format!("cannot write to {}", path.display()))?;
                *created = false; // now it is worth keeping
                Ok(())
            }
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Self::File {
            path,
            created: true,
            ..
        } = self
        {
            let _ = fs::remove_file(path); // someone else may have been faster
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_that_is_dropped_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        fs::write(&old, "kept").unwrap();
        drop(Claim::new(&Target::File(old.clone()), false).unwrap());
        drop(Claim::new(&Target::File(new.clone()), false).unwrap());
        assert_eq!(fs::read_to_string(old).unwrap(), "kept");
        assert!(!new.exists());
    }

    #[test]
    fn what_is_written_replaces_all_of_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "something long").unwrap();
        Claim::new(&Target::File(path.clone()), false)
            .unwrap()
            .write(b"short")
            .unwrap();
        assert_eq!(fs::read_to_string(path).unwrap(), "short");
    }
}
