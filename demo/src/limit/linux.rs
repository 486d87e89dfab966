//! The limits of a Linux machine: its memory, the cgroups around this process, and its rlimit.

use std::fs;
use std::path::{Path, PathBuf};

use procfs::prelude::*;
use procfs::process::{LimitValue, Limits, MountInfo, MountInfos};
use procfs::{Meminfo, ProcessCGroups};

use super::{Limit, Room};

/// The file names of one version of memory cgroups.
struct Version {
    limit: &'static str,
    usage: &'static str,
    /// In `memory.stat`: file cache that the kernel drops before it kills anyone.
    reclaimable: &'static str,
}

const V1: Version = Version {
    limit: "memory.limit_in_bytes",
    usage: "memory.usage_in_bytes",
    reclaimable: "total_inactive_file",
};
const V2: Version = Version {
    limit: "memory.max",
    usage: "memory.current",
    reclaimable: "inactive_file",
};

pub(super) fn room(root: &Path) -> Room {
    let machine = machine(root);
    let shared = cgroups(root)
        .into_iter()
        .chain(machine)
        .min_by_key(|limit| limit.available);
    Room {
        shared,
        each: address_space(root),
    }
}

fn machine(root: &Path) -> Option<Limit> {
    let available = Meminfo::from_file(root.join("proc/meminfo"))
        .ok()?
        .mem_available?;
    Some(Limit {
        available,
        source: "MemAvailable in /proc/meminfo".to_owned(),
    })
}

fn address_space(root: &Path) -> Option<Limit> {
    let limits = Limits::from_file(root.join("proc/self/limits")).ok()?;
    match limits.max_address_space.soft_limit {
        LimitValue::Value(available) => Some(Limit {
            available,
            source: "RLIMIT_AS, see `ulimit -v`".to_owned(),
        }),
        LimitValue::Unlimited => None,
    }
}

/// The limit of the own cgroup and of each one above it, as far as they can be seen.
fn cgroups(root: &Path) -> Vec<Limit> {
    let Ok(groups) = ProcessCGroups::from_file(root.join("proc/self/cgroup")) else {
        return Vec::new();
    };
    let Ok(mounts) = MountInfos::from_file(root.join("proc/self/mountinfo")) else {
        return Vec::new();
    };
    let mut limits = Vec::new();
    for mount in &mounts {
        let version = match mount.fs_type.as_str() {
            "cgroup2" => V2,
            "cgroup" if mount.super_options.contains_key("memory") => V1,
            _ => continue,
        };
        let own = groups.0.iter().find(|group| match mount.fs_type.as_str() {
            "cgroup2" => group.controllers.is_empty() && group.hierarchy == 0,
            _ => group
                .controllers
                .iter()
                .any(|controller| controller == "memory"),
        });
        let Some(own) = own else { continue };
        let top = root.join(
            mount
                .mount_point
                .strip_prefix("/")
                .unwrap_or(&mount.mount_point),
        );
        let mut directory = below_mount(&top, mount, &own.pathname);
        loop {
            limits.extend(limit(root, &directory, &version));
            if directory == top || !directory.pop() {
                break;
            }
        }
    }
    limits
}

/// The directory of a cgroup: a container often sees only its own part of the
/// tree, mounted as if it were the whole, while the path is told from the top.
fn below_mount(top: &Path, mount: &MountInfo, pathname: &str) -> PathBuf {
    let relative = Path::new(pathname)
        .strip_prefix(&mount.root)
        .unwrap_or(Path::new(""));
    let directory = top.join(relative);
    if directory.is_dir() {
        directory
    } else {
        top.to_owned()
    }
}

fn limit(root: &Path, directory: &Path, version: &Version) -> Option<Limit> {
    let file = directory.join(version.limit);
    // `max` in version 2 is no number, hence no limit.
    let limit = number(&file)?;
    let usage = number(&directory.join(version.usage)).unwrap_or(0);
    let stat = fs::read_to_string(directory.join("memory.stat")).unwrap_or_default();
    let reclaimable = stat
        .lines()
        .filter_map(|line| line.split_once(' '))
        .find(|(name, _)| *name == version.reclaimable)
        .and_then(|(_, bytes)| bytes.trim().parse().ok())
        .unwrap_or(0);
    let shown = file.strip_prefix(root).unwrap_or(&file);
    Some(Limit {
        available: limit.saturating_sub(usage.saturating_sub(reclaimable)),
        source: format!("limit in /{}", shown.display()),
    })
}

fn number(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::Room;

    const GIB: u64 = 1 << 30;
    const MEMINFO: &str = "MemTotal: 16777216 kB\nMemFree: 1 kB\nMemAvailable: 8388608 kB\n\
                           Buffers: 0 kB\nCached: 0 kB\nSwapCached: 0 kB\nActive: 0 kB\nInactive: 0 kB\n\
                           SwapTotal: 0 kB\nSwapFree: 0 kB\nDirty: 0 kB\nWriteback: 0 kB\nMapped: 0 kB\n\
                           Slab: 0 kB\nCommitted_AS: 0 kB\nVmallocTotal: 0 kB\nVmallocUsed: 0 kB\n\
                           VmallocChunk: 0 kB\n";

    fn read(files: &[(&str, &str)]) -> Room {
        let root = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        Room::below(root.path())
    }

    #[track_caller]
    fn assert_shared(room: &Room, available: u64, source: &str) {
        let limit = room.shared.as_ref().expect("a limit was given");
        assert_eq!(limit.available, available);
        assert!(limit.source.contains(source), "{}", limit.source);
    }

    #[test]
    fn the_machine_is_the_limit_where_no_cgroup_is() {
        let room = read(&[("proc/meminfo", MEMINFO)]);
        assert_shared(&room, 8 * GIB, "MemAvailable");
        assert_eq!(room.each, None);
    }

    #[test]
    fn the_smallest_limit_from_the_own_cgroup_up_counts() {
        let room = read(&[
            ("proc/meminfo", MEMINFO),
            ("proc/self/cgroup", "0::/user/shell\n"),
            (
                "proc/self/mountinfo",
                "40 31 0:38 / /sys/fs/cgroup rw shared:1 - cgroup2 cgroup2 rw\n",
            ),
            ("sys/fs/cgroup/user/shell/memory.max", "max\n"),
            ("sys/fs/cgroup/user/shell/memory.current", "0\n"),
            ("sys/fs/cgroup/user/memory.max", "2147483648\n"),
            ("sys/fs/cgroup/user/memory.current", "1610612736\n"),
            (
                "sys/fs/cgroup/user/memory.stat",
                "anon 1\ninactive_file 536870912\nactive_file 7\n",
            ),
        ]);
        assert_shared(&room, GIB, "/sys/fs/cgroup/user/memory.max");
    }

    #[test]
    fn version_1_has_its_own_mount_and_names() {
        let room = read(&[
            ("proc/meminfo", MEMINFO),
            ("proc/self/cgroup", "5:cpu:/\n4:memory:/jobs/7\n0::/\n"),
            (
                "proc/self/mountinfo",
                "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
            ),
            (
                "sys/fs/cgroup/memory/memory.limit_in_bytes",
                "9223372036854771712\n",
            ),
            (
                "sys/fs/cgroup/memory/jobs/7/memory.limit_in_bytes",
                "1073741824\n",
            ),
            (
                "sys/fs/cgroup/memory/jobs/7/memory.usage_in_bytes",
                "536870912\n",
            ),
            (
                "sys/fs/cgroup/memory/jobs/7/memory.stat",
                "inactive_file 0\ntotal_inactive_file 268435456\n",
            ),
        ]);
        assert_shared(
            &room,
            GIB * 3 / 4,
            "/sys/fs/cgroup/memory/jobs/7/memory.limit_in_bytes",
        );
    }

    #[test]
    fn a_container_finds_its_limit_at_the_root_of_the_mount() {
        let mounted_part =
            "35 31 0:32 /docker/ab /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
        let mounted_whole = "35 31 0:32 / /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
        for mount in [mounted_part, mounted_whole] {
            let room = read(&[
                ("proc/self/cgroup", "4:memory:/docker/ab\n"),
                ("proc/self/mountinfo", mount),
                ("sys/fs/cgroup/memory/memory.limit_in_bytes", "1073741824\n"),
            ]);
            assert_shared(&room, GIB, "/sys/fs/cgroup/memory/memory.limit_in_bytes");
        }
    }

    #[test]
    fn use_beyond_the_limit_leaves_nothing() {
        let room = read(&[
            ("proc/self/cgroup", "0::/\n"),
            (
                "proc/self/mountinfo",
                "40 31 0:38 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
            ),
            ("sys/fs/cgroup/memory.max", "100\n"),
            ("sys/fs/cgroup/memory.current", "200\n"),
        ]);
        assert_shared(&room, 0, "memory.max");
    }

    #[test]
    fn the_limit_on_address_space_is_for_each_process() {
        let own = fs::read_to_string("/proc/self/limits").unwrap();
        let limited = own
            .lines()
            .map(|line| match line.strip_prefix("Max address space") {
                Some(_) => "Max address space  2147483648  unlimited  bytes\n".to_owned(),
                None => format!("{line}\n"),
            });
        let room = read(&[("proc/self/limits", &limited.collect::<String>())]);
        assert_eq!(room.each.unwrap().available, 2 * GIB);
        assert_eq!(room.shared, None);
    }
}
