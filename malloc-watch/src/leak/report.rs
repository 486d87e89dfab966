//! What was left behind, and where it came from.

use std::collections::HashMap;
use std::io::{self, IsTerminal as _};
use std::{env, fmt};

use super::annotations::Annotations;
use super::{allow, frames, ownership};
use crate::fork;
use crate::hooks::{Block, Busy};
use crate::stack::{Frame, StackId, Stacks};
use crate::status::{Reason, Status};

/// Blocks, and the bytes that were asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) blocks: u64,
    pub(super) bytes: u64,
}

impl Tally {
    pub(super) fn add(&mut self, size: u64) {
        self.merge(Self {
            blocks: 1,
            bytes: size,
        });
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.blocks += other.blocks;
        self.bytes += other.bytes;
    }
}

/// The blocks that a piece of code left behind.
///
/// Displays as a text for people, one site after the other, with colours as `{:#}`. It serialises as
/// `{"inactive": null, "blocks": 1, "bytes": 10, "sites": [{"blocks": 1, "bytes": 10,
/// "indirect_blocks": 0, "owned_blocks": 0, "owned_bytes": 0, "frames": [{"function": "strdup", "file": null, "line": null, "object": "/lib/libc.so.6"}]}]}`, with the
/// reason as a text in `inactive` if nothing could be seen.
///
/// ```
/// use malloc_watch::leak;
///
/// # if leak::status() == leak::Status::Active {
/// // SAFETY: no precondition.
/// let report = leak::scope(|| unsafe { malloc_sys::workload_number(7) });
/// assert!(report.to_string().starts_with("1 block, 8 bytes left behind, from 1 site"));
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a report that nobody looks at finds nothing"]
pub struct Report {
    status: Status,
    sites: Vec<Site>,
    outside: Vec<Site>,
    running: u32,
    /// Blocks that the environment allows.
    allowed: Tally,
    /// Whether what is set up once may be among the sites.
    may_be_set_up_once: bool,
    /// Whether it is known which blocks belong to others.
    is_sorted: bool,
}

/// The blocks that were allocated by way of the same calls.
///
/// ```
/// use malloc_watch::leak;
///
/// # if leak::status() == leak::Status::Active {
/// let report = leak::scope(|| {
///     for length in 1..=3 {
///         // SAFETY: the fill is not 0.
///         unsafe { malloc_sys::workload_string(length, 1) };
///     }
/// });
/// let [site] = report.sites() else { panic!("one call, so one site: {report}") };
/// assert_eq!((site.blocks(), site.bytes()), (3, 2 + 3 + 4)); // with the terminators
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Site {
    tally: Tally,
    /// Those of them that belong to another block that was left behind.
    indirect: Tally,
    /// Blocks, of whichever sites, that belong to one of these.
    owned: Tally,
    frames: Vec<Frame>,
}

impl Site {
    /// How many blocks there are.
    ///
    /// ```
    /// use malloc_watch::leak;
    ///
    /// # if leak::status() == leak::Status::Active {
    /// // SAFETY: no precondition.
    /// let report = leak::scope(|| for n in 0..5 { unsafe { malloc_sys::workload_number(n) }; });
    /// assert_eq!(report.sites()[0].blocks(), 5); // one line, five times
    /// # }
    /// ```
    pub fn blocks(&self) -> u64 {
        self.tally.blocks
    }

    /// How many bytes were asked for in all.
    ///
    /// ```
    /// use malloc_watch::leak;
    ///
    /// # if leak::status() == leak::Status::Active {
    /// // SAFETY: no precondition.
    /// let report = leak::scope(|| for n in 0..5 { unsafe { malloc_sys::workload_number(n) }; });
    /// assert_eq!(report.sites()[0].bytes(), 5 * 8);
    /// # }
    /// ```
    pub fn bytes(&self) -> u64 {
        self.tally.bytes
    }

    /// How many of the blocks belong to another block that was left behind, directly or by way of others:
    /// that one points to them, and they go with it.
    ///
    /// ```
    /// use malloc_watch::leak;
    ///
    /// # if leak::status() == leak::Status::Active {
    /// let report = leak::scope(|| {
    ///     let parts = vec![Box::new(1_u8), Box::new(2), Box::new(3)];
    ///     std::mem::forget(std::hint::black_box(parts));
    /// });
    /// let indirect: u64 = report.sites().iter().map(leak::Site::indirect_blocks).sum();
    /// assert_eq!((report.blocks(), indirect), (4, 3)); // the vector, and what it owns
    /// # }
    /// ```
    pub fn indirect_blocks(&self) -> u64 {
        self.indirect.blocks
    }

    /// How many blocks, of whichever sites, belong to the blocks of this one.
    ///
    /// ```
    /// use malloc_watch::leak;
    ///
    /// # if leak::status() == leak::Status::Active {
    /// let report = leak::scope(|| {
    ///     let parts = vec![Box::new(1_u8), Box::new(2), Box::new(3)];
    ///     std::mem::forget(std::hint::black_box(parts));
    /// });
    /// assert_eq!(report.sites()[0].owned_blocks(), 3);
    /// # }
    /// ```
    pub fn owned_blocks(&self) -> u64 {
        self.owned.blocks
    }

    /// How many bytes were asked for in the blocks that belong to those of this site.
    ///
    /// ```
    /// use malloc_watch::leak;
    ///
    /// # if leak::status() == leak::Status::Active {
    /// let report = leak::scope(|| {
    ///     std::mem::forget(std::hint::black_box(vec![vec![1_u8; 100]]));
    /// });
    /// assert_eq!(report.sites()[0].owned_bytes(), 100);
    /// # }
    /// ```
    pub fn owned_bytes(&self) -> u64 {
        self.owned.bytes
    }

    /// The calls, from the C function that called `malloc` to the code that was looked at.
    ///
    /// ```
    /// use malloc_watch::leak;
    ///
    /// # if leak::status() != leak::Status::Active { return }
    /// // SAFETY: a C string.
    /// let report = leak::scope(|| unsafe { libc::strdup(c"forgotten".as_ptr()) });
    /// let function = &report.sites()[0].frames()[0].function;
    /// assert!(function.contains("strdup"), "{function}");
    /// ```
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }
}

impl Report {
    pub(super) fn inactive(reason: Reason) -> Self {
        Self {
            status: Status::Inactive(reason),
            sites: Vec::new(),
            outside: Vec::new(),
            running: 0,
            allowed: Tally::default(),
            may_be_set_up_once: false,
            is_sorted: true,
        }
    }

    /// Names the stacks, so that libraries that are unloaded later are still known: of what is inside,
    /// and of what threads from elsewhere allocated meanwhile.
    pub(super) fn new(
        found: &[(StackId, Block)],
        outside: impl IntoIterator<Item = (StackId, Tally)>,
        running: u32,
    ) -> Self {
        let _busy = Busy::enter();
        let (found, is_sorted) = by_stack(found);
        let mut names = fork::names();
        let symbolizer = names.as_mut().map(|names| names.get_or_insert_default());
        let mut stacks = Stacks::new(symbolizer);
        let sites = named(&mut stacks, found, |_| true);
        // Other tests run beside this one, in threads that the harness starts.
        let outside = outside
            .into_iter()
            .map(|(stack, tally)| (stack, Tallies::direct(tally)));
        let outside = named(&mut stacks, outside, |frames| {
            !frames::is_of_the_test_harness(frames)
        });
        drop(names);
        let patterns = allow::from_environment();
        let (known, sites): (Vec<_>, Vec<_>) = sites
            .into_iter()
            .partition(|site| allow::is_allowed(site, &patterns));
        let outside = outside
            .into_iter()
            .filter(|site| !allow::is_allowed(site, &patterns))
            .collect();
        let mut allowed = Tally::default();
        for site in &known {
            allowed.merge(site.tally);
        }
        Self {
            // Asked again: it may have become too full meanwhile.
            status: crate::status::of_what_is_seen(),
            sites,
            outside,
            running,
            allowed,
            may_be_set_up_once: false,
            is_sorted,
        }
    }

    /// The same report with a word about what a call sets up once.
    pub(super) fn with_hint(mut self) -> Self {
        self.may_be_set_up_once = true;
        self
    }

    pub(super) fn is_sorted(&self) -> bool {
        self.is_sorted
    }

    pub(super) fn may_be_set_up_once(&self) -> bool {
        self.may_be_set_up_once
    }

    pub(super) fn allowed(&self) -> Tally {
        self.allowed
    }

    /// Whether the checker saw what was allocated; if not, the rest of the report means nothing.
    ///
    /// ```
    /// use malloc_watch::leak::{self, Status};
    ///
    /// let report = leak::scope(|| drop(vec![0_u8; 100]));
    /// match report.status() {
    ///     Status::Active => assert_eq!(report.blocks(), 0),
    ///     Status::Inactive(reason) => eprintln!("skipped: {reason}"),
    /// }
    /// ```
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// How many blocks were left behind.
    ///
    /// ```
    /// use malloc_watch::leak;
    ///
    /// # if leak::status() == leak::Status::Active {
    /// let report = leak::scope(|| {
    ///     std::mem::forget(std::hint::black_box(vec![1, 2, 3])); // Rust's are seen as well
    ///     // SAFETY: no precondition.
    ///     unsafe { malloc_sys::workload_number(7) }
    /// });
    /// assert_eq!(report.blocks(), 2);
    /// # }
    /// ```
    pub fn blocks(&self) -> u64 {
        self.sites.iter().map(Site::blocks).sum()
    }

    /// How many bytes were asked for in the blocks that were left behind.
    ///
    /// ```
    /// use malloc_watch::leak;
    ///
    /// # if leak::status() == leak::Status::Active {
    /// // SAFETY: the fill is not 0.
    /// let report = leak::scope(|| unsafe { malloc_sys::workload_string(99, 1) });
    /// assert_eq!(report.bytes(), 100); // what was asked for, not what malloc made of it
    /// # }
    /// ```
    pub fn bytes(&self) -> u64 {
        self.sites.iter().map(Site::bytes).sum()
    }

    /// Where the blocks came from: the most bytes first, with those that belong to them, and sites of whose
    /// blocks each belongs to another last.
    ///
    /// ```
    /// use malloc_watch::leak;
    ///
    /// # if leak::status() == leak::Status::Active {
    /// let report = leak::scope(|| {
    ///     // SAFETY: no precondition.
    ///     unsafe { malloc_sys::workload_number(7) };
    ///     // SAFETY: the fill is not 0.
    ///     unsafe { malloc_sys::workload_string(99, 1) };
    /// });
    /// assert_eq!(report.sites()[0].bytes(), 100);
    /// assert_eq!(report.sites()[1].bytes(), 8);
    /// # }
    /// ```
    pub fn sites(&self) -> &[Site] {
        &self.sites
    }

    /// The blocks that threads from elsewhere allocated meanwhile, and that are live: threads that were
    /// started outside of all scopes, such as the workers of a pool. They are not among the
    /// [`sites`](Self::sites). Whether they worked for the call is not known.
    ///
    /// ```
    /// use malloc_watch::leak;
    ///
    /// # if leak::status() == leak::Status::Active {
    /// let report = leak::scope(|| drop(vec![0_u8; 100]));
    /// let blocks: u64 = report.sites_of_other_threads().iter().map(leak::Site::blocks).sum();
    /// assert_eq!(blocks, 0); // nobody else was at work
    /// # }
    /// ```
    pub fn sites_of_other_threads(&self) -> &[Site] {
        &self.outside
    }

    /// How many threads that were started inside were still running at the end, after a quarter of a
    /// second. What they hold is among the blocks.
    ///
    /// ```
    /// use malloc_watch::leak;
    /// use std::thread;
    ///
    /// # if leak::status() == leak::Status::Active {
    /// let report = leak::scope(|| thread::spawn(|| ()).join());
    /// assert_eq!(report.running_threads(), 0);
    /// # }
    /// ```
    pub fn running_threads(&self) -> u32 {
        self.running
    }

    /// The same report without the blocks of [other threads](Self::sites_of_other_threads), for code
    /// that is known to give them nothing to do.
    ///
    /// ```
    /// use malloc_watch::leak;
    ///
    /// # if leak::status() != leak::Status::Active { return }
    /// leak::scope(|| drop(vec![0_u8; 100])).without_other_threads().assert_none();
    /// ```
    pub fn without_other_threads(mut self) -> Self {
        self.outside.clear();
        self
    }

    /// The same report without the sites for which `known` is true.
    ///
    /// ```
    /// use malloc_watch::leak;
    ///
    /// # if leak::status() != leak::Status::Active { return }
    /// // SAFETY: a C string.
    /// let report = leak::scope(|| unsafe { libc::strdup(c"kept on purpose".as_ptr()) });
    /// report
    ///     .without(|site| site.frames().iter().any(|frame| frame.function == "strdup"))
    ///     .assert_none();
    /// ```
    pub fn without(mut self, known: impl Fn(&Site) -> bool) -> Self {
        self.sites.retain(|site| !known(site));
        self.outside.retain(|site| !known(site));
        self
    }

    /// The same report without the sites that a pattern matches, by the function, the file or the object
    /// of any frame. A pattern matches a part; `*` stands for anything, `^` and `$` for the ends, as in
    /// LeakSanitizer's suppressions. Patterns in the environment variable `MALLOC_WATCH_ALLOW`, with
    /// commas between them, hold for every report, which says how many blocks they allow.
    ///
    /// ```
    /// use malloc_watch::leak;
    ///
    /// # if leak::status() != leak::Status::Active { return }
    /// // SAFETY: a C string.
    /// let report = leak::scope(|| unsafe { libc::strdup(c"kept on purpose".as_ptr()) });
    /// report.allowing(&["^strdup$"]).assert_none();
    /// ```
    pub fn allowing(self, patterns: &[&str]) -> Self {
        self.without(|site| allow::is_allowed(site, patterns))
    }

    /// One line for each site, as GitHub's and Gitea's runners show beside the code: `::error
    /// file=…,line=…::…`, at the innermost frame of code that is the program's.
    /// [`assert_none`](Self::assert_none) prints them where `GITHUB_ACTIONS` is `true`.
    ///
    /// ```
    /// use malloc_watch::leak;
    ///
    /// # if leak::status() != leak::Status::Active { return }
    /// // SAFETY: a C string.
    /// let report = leak::scope(|| unsafe { libc::strdup(c"forgotten".as_ptr()) });
    /// assert!(report.annotations().to_string().starts_with("::error "));
    /// ```
    pub fn annotations(&self) -> impl fmt::Display + '_ {
        Annotations(self)
    }

    /// The report as JSON, in the form that the type's page has.
    ///
    /// ```
    /// use malloc_watch::leak;
    ///
    /// let json = leak::scope(|| ()).to_json();
    /// assert!(json.starts_with(r#"{"inactive":"#));
    /// ```
    ///
    /// # Panics
    ///
    /// Never: nothing in a report is without a form in JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers")
    }

    /// Makes a test fail that left blocks behind.
    ///
    /// # Panics
    ///
    /// If there are any, with the report as the message; if [threads from
    /// elsewhere](Self::sites_of_other_threads) have left some, as they may be the call's; and if the
    /// checker is inactive, with the reason, as then nothing was proven.
    ///
    /// # Examples
    ///
    /// ```
    /// use malloc_safe::Owned;
    /// use malloc_watch::leak;
    ///
    /// # if leak::status() != leak::Status::Active { return }
    /// leak::scope(|| Owned::<u64>::try_new(1)).assert_none();
    /// ```
    #[track_caller]
    pub fn assert_none(&self) {
        let none =
            self.status == Status::Active && self.sites.is_empty() && self.outside.is_empty();
        if !none && env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true") {
            println!("{}", self.annotations());
        }
        assert!(none, "{}", self.text());
    }

    /// Writes the report to standard error, in colours if that is a terminal and the environment
    /// variable `NO_COLOR` is not set.
    ///
    /// ```
    /// use malloc_watch::leak;
    ///
    /// # if leak::status() != leak::Status::Active { return }
    /// // SAFETY: a C string.
    /// let report = leak::scope(|| unsafe { libc::strdup(c"forgotten".as_ptr()) });
    /// report.print();
    /// ```
    pub fn print(&self) {
        eprint!("{}", self.text());
    }

    fn text(&self) -> String {
        if is_for_colour() {
            format!("{self:#}")
        } else {
            self.to_string()
        }
    }
}

/// The blocks of one stack: all, those that belong to others, and those of others that belong to them.
#[derive(Clone, Copy, Default)]
struct Tallies {
    all: Tally,
    indirect: Tally,
    owned: Tally,
}

impl Tallies {
    fn direct(all: Tally) -> Self {
        Self {
            all,
            ..Self::default()
        }
    }

    fn merge(&mut self, other: Self) {
        self.all.merge(other.all);
        self.indirect.merge(other.indirect);
        self.owned.merge(other.owned);
    }
}

/// Counts blocks by stack, and says whether it could be told which belong to others.
fn by_stack(found: &[(StackId, Block)]) -> (HashMap<StackId, Tallies>, bool) {
    let mut tallies = HashMap::<StackId, Tallies>::new();
    let blocks: Vec<Block> = found.iter().map(|&(_, block)| block).collect();
    let owners = ownership::owners(&blocks);
    for (number, &(stack, block)) in found.iter().enumerate() {
        let tally = tallies.entry(stack).or_default();
        tally.all.add(block.size);
        let owner = owners.as_ref().map_or(number, |owners| owners[number]);
        if owner != number {
            tally.indirect.add(block.size);
            let (owning, _) = found[owner];
            tallies.entry(owning).or_default().owned.add(block.size);
        }
    }
    (tallies, owners.is_some())
}

/// Sites by their frames, the most bytes first, without what the runtime keeps for itself.
fn named(
    stacks: &mut Stacks<'_>,
    found: impl IntoIterator<Item = (StackId, Tallies)>,
    wanted: impl Fn(&[Frame]) -> bool,
) -> Vec<Site> {
    let mut merged = HashMap::<Vec<Frame>, Tallies>::new();
    for (stack, tally) in found {
        let frames = stacks.name(stack);
        if frames::is_of_a_thread_local(&frames)
            || frames::is_the_runtimes(&frames)
            || !wanted(&frames)
        {
            continue;
        }
        merged
            .entry(frames::trimmed(frames))
            .or_default()
            .merge(tally);
    }
    let mut sites: Vec<Site> = merged
        .into_iter()
        .map(|(frames, tallies)| Site {
            tally: tallies.all,
            indirect: tallies.indirect,
            owned: tallies.owned,
            frames,
        })
        .collect();
    sites.sort_by(|one, other| {
        // What a fix would free: with what belongs to the blocks, without those that belong to others.
        let size = |site: &Site| {
            let direct = site.tally.bytes - site.indirect.bytes;
            let is_direct = site.tally.blocks > site.indirect.blocks;
            (is_direct, direct + site.owned.bytes, site.tally.blocks)
        };
        let functions = |site: &Site| site.frames.first().map(|frame| frame.function.clone());
        size(other)
            .cmp(&size(one))
            .then_with(|| functions(one).cmp(&functions(other)))
    });
    sites
}

/// See <https://no-color.org>.
fn is_for_colour() -> bool {
    io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
