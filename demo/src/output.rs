//! The files to write: claimed before the run, written after it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;

use anyhow::{Context as _, bail};

use crate::cli::{self, Cli, Target};
use crate::export;
use crate::picture;
use crate::scenario::Plan;
use crate::timeline::Track;

/// Makes a file's content from the run.
type Render = fn(&Plan, &[Track]) -> anyhow::Result<Vec<u8>>;

/// The outputs that were asked for, and what makes each.
pub(crate) struct Outputs(Vec<(Claim, Render)>);

impl Outputs {
    /// Makes sure that everything asked for can be written.
    pub(crate) fn claim(cli: &Cli) -> anyhow::Result<Self> {
        let wanted: [(&str, &Option<Target>, bool, Render); 4] = [
            ("--svg", &cli.svg, false, picture::svg),
            ("--png", &cli.png, true, picture::png),
            ("--json", &cli.json, false, export::json),
            ("--csv", &cli.csv, false, export::csv),
        ];
        let mut claims = Vec::new();
        // Who writes to which file, as one file may have several names. Standard output is the
        // table's, unless an output took it.
        let mut writers = vec![("standard error", identity_of_standard(Stream::Error))];
        if !cli.output_is_taken() {
            writers.push(("standard output", identity_of_standard(Stream::Output)));
        }
        for (option, target, binary, render) in wanted {
            let Some(target) = target else { continue };
            let claim = Claim::new(target, binary)?;
            let identity = claim.identity();
            if identity.is_some()
                && let Some((other, _)) = writers.iter().find(|(_, taken)| *taken == identity)
            {
                return Err(Conflict(cli::conflict(other, option, target)).into());
            }
            writers.push((option, identity));
            claims.push((claim, render));
        }
        Ok(Self(claims))
    }

    /// Writes all of them; one that fails does not keep the others from it.
    ///
    /// Returns the names of the files that were written, and the errors.
    pub(crate) fn write(self, plan: &Plan, tracks: &[Track]) -> (Vec<String>, Vec<anyhow::Error>) {
        let (mut written, mut errors) = (Vec::new(), Vec::new());
        for (claim, render) in self.0 {
            let name = claim.name();
            match render(plan, tracks).and_then(|content| claim.write(&content)) {
                Ok(()) => written.extend(name),
                Err(error) => errors.push(error),
            }
        }
        (written, errors)
    }
}

/// Two writers of one file: a mistake on the command line, though only the file system shows it.
#[derive(Debug)]
pub(crate) struct Conflict(pub(crate) String);

impl std::fmt::Display for Conflict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Conflict {}

#[derive(Clone, Copy)]
enum Stream {
    Output,
    Error,
}

/// Which regular file this is, by whatever name; devices and pipes take several writers.
fn identity(file: &File) -> Option<(u64, u64)> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;

        let metadata = file.metadata().ok()?;
        metadata.is_file().then(|| (metadata.dev(), metadata.ino()))
    }
    #[cfg(not(unix))]
    {
        let _ = file;
        None
    }
}

/// Which regular file a stream was redirected to.
fn identity_of_standard(stream: Stream) -> Option<(u64, u64)> {
    #[cfg(unix)]
    {
        use std::os::fd::AsFd as _;

        let owned = match stream {
            Stream::Output => io::stdout().as_fd().try_clone_to_owned(),
            Stream::Error => io::stderr().as_fd().try_clone_to_owned(),
        };
        identity(&File::from(owned.ok()?))
    }
    #[cfg(not(unix))]
    {
        let _ = stream;
        None
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
        /// The file to remove if nothing is written: `path`, or what it points to.
        created: Option<PathBuf>,
    },
}

impl Claim {
    /// The file's name, if it is one.
    fn name(&self) -> Option<String> {
        match self {
            Self::StandardOutput => None,
            Self::File { path, .. } => Some(path.display().to_string()),
        }
    }

    fn identity(&self) -> Option<(u64, u64)> {
        match self {
            Self::StandardOutput => identity_of_standard(Stream::Output),
            Self::File { file, .. } => identity(file),
        }
    }

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
                    Ok(file) => (file, Some(path.clone())),
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                        // A link to a file that is not there yet makes it, as a shell's `>` does.
                        let dangling = !path.exists();
                        let file = options.create(true).truncate(false).open(path);
                        let file =
                            file.with_context(|| format!("cannot write to {}", path.display()))?;
                        let made = if dangling {
                            fs::canonicalize(path).ok()
                        } else {
                            None
                        };
                        (file, made)
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
                *created = None; // now it is worth keeping
                Ok(())
            }
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Self::File {
            created: Some(path),
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
    #[cfg(unix)]
    fn a_link_to_nothing_makes_its_target_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (link, file) = (folder.path().join("link"), folder.path().join("file"));
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let target = Target::File(link.clone());
        drop(Claim::new(&target, false).unwrap());
        assert!(link.is_symlink() && !file.exists());
        Claim::new(&target, false).unwrap().write(b"new").unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read_to_string(file).unwrap(), "new");
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
