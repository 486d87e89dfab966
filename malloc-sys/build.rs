//! Compiles the C side and provides its bindings.
//!
//! - C: only what a feature asks for; a plain consumer compiles none.
//! - Bindings: generated from the headers by bindgen (feature `bindgen`), or the
//!   committed ones where that feature is off or libclang cannot be loaded.
//!
//! Environment, for continuous integration:
//! - `MALLOC_SYS_WERROR`: C warnings are errors.
//! - `MALLOC_SYS_REQUIRE_BINDGEN`: bindings that could not be generated are an error.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process;

/// A file of bindings each: the C library's allocation family, and one for each header.
const MODULES: [&str; 6] = [
    "stdlib",
    "counted",
    "interpose",
    "memo",
    "token",
    "workload",
];

fn main() {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let csrc = manifest.join("csrc");
    if !csrc.is_dir() {
        // A clone with core.symlinks=false makes a text file of the link.
        fail(&format!(
            "{} is not a directory: it is a symbolic link to ../csrc that this checkout did not \
             create. Run `git config core.symlinks true && git checkout -- malloc-sys/csrc`, or \
             put a copy of the csrc directory in its place",
            csrc.display()
        ));
    }
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/bindings");
    println!("cargo::rerun-if-changed=csrc");
    println!("cargo::rerun-if-env-changed=MALLOC_SYS_WERROR");
    println!("cargo::rerun-if-env-changed=MALLOC_SYS_REQUIRE_BINDGEN");
    println!("cargo::metadata=include={}", csrc.display());

    compile(&csrc);

    let committed = manifest.join("src/bindings");
    let source = match generate(&csrc, &out) {
        Ok(()) => "generated",
        Err(reason) => {
            if flag("MALLOC_SYS_REQUIRE_BINDGEN") {
                fail(&format!("MALLOC_SYS_REQUIRE_BINDGEN is set, but {reason}"));
            }
            // No warning: these are the same bindings. Their test tells the reason.
            let reason = reason.replace('\n', " ");
            println!("cargo::rustc-env=MALLOC_SYS_BINDINGS_REASON={reason}");
            for module in MODULES {
                let from = committed.join(module).with_extension("rs");
                let to = out.join(module).with_extension("rs");
                if let Err(error) = fs::copy(&from, &to) {
                    fail(&format!(
                        "cannot copy {} to {}: {error}",
                        from.display(),
                        to.display()
                    ));
                }
            }
            "committed"
        }
    };
    println!("cargo::rustc-env=MALLOC_SYS_BINDINGS={source}");
    println!("cargo::metadata=bindings={source}");
}

/// Compiles the sources of the features that are on into a static library each.
#[cfg(any(feature = "workload", feature = "watch"))]
fn compile(csrc: &Path) {
    let library = |name: &str, sources: &[&str]| {
        let mut build = cc::Build::new();
        build
            .std("c11")
            .define("_DEFAULT_SOURCE", None) // strict C11 hides valloc and posix_memalign
            .include(csrc)
            .files(sources.iter().map(|source| csrc.join(source)))
            .warnings(true)
            .extra_warnings(true)
            .flag_if_supported("-Wconversion")
            .flag_if_supported("-Wpedantic")
            .warnings_into_errors(flag("MALLOC_SYS_WERROR"));
        (build, format!("malloc_sys_{name}"))
    };
    if cfg!(feature = "workload") {
        let (build, name) = library(
            "workload",
            &[
                "workload/counted.c",
                "workload/token.c",
                "workload/workload.c",
            ],
        );
        build.compile(&name);
    }
    if cfg!(feature = "watch") {
        let sources = [
            "watch/interpose.c",
            "watch/interpose_none.c",
            "watch/interpose_threads.c",
            "watch/memo.c",
            "watch/next_malloc.c",
            "watch/shadow.c",
        ];
        let (mut build, name) = library("watch", &sources);
        // The hooks are on the way of every allocation, in debug builds too.
        build.opt_level(2);
        // A compiler that knows malloc believes that it reads none of the program's variables.
        build.flag_if_supported("-fno-builtin");
        // They ask for their frame pointers where they need them.
        build.force_frame_pointer(false);
        // Nor need they reach the C library by way of a stub each time.
        build.flag_if_supported("-fno-plt");
        // Nor is their cost to depend on what else is linked.
        build.flag_if_supported("-falign-functions=64");
        build.flag_if_supported("-falign-loops=32");
        // A sanitizer brings its own malloc; defining another would disarm it silently.
        if env::var_os("CARGO_CFG_SANITIZE").is_some() {
            build.define("INTERPOSE_SANITIZED", None);
        }
        // A static C library brings its own malloc, and two are an error of the linker.
        let features = env::var("CARGO_CFG_TARGET_FEATURE").unwrap_or_default();
        if features.split(',').any(|feature| feature == "crt-static") {
            build.define("INTERPOSE_STATIC", None);
        }
        build.compile(&name);
    }
}

#[cfg(not(any(feature = "workload", feature = "watch")))]
fn compile(_csrc: &Path) {}

/// Writes every module's bindings to `out`, or says why it cannot.
#[cfg(feature = "bindgen")]
fn generate(csrc: &Path, out: &Path) -> Result<(), String> {
    // Its own message lists all the names that such a library can have.
    clang_sys::load().map_err(|_| "libclang was not found (LIBCLANG_PATH names its folder)")?;
    for module in MODULES {
        let mut builder = bindgen::Builder::default()
            .header(csrc.join("malloc_sys.h").display().to_string())
            .clang_arg("-std=c11")
            .clang_arg("-D_DEFAULT_SOURCE")
            .clang_arg(format!("-I{}", csrc.display()))
            // Else clang declares malloc as it knows it, with unsigned long for size_t: the
            // wrong width on 64-bit Windows.
            .clang_arg("-fno-builtin")
            .use_core()
            .ctypes_prefix("::libc")
            .layout_tests(false)
            .rust_target(bindgen::RustTarget::stable(85, 0).expect("1.85 has edition 2024"))
            .rust_edition(bindgen::RustEdition::Edition2024)
            .raw_line(format!(
                "// @generated by bindgen from csrc/: bindings of {module}."
            ))
            .disable_header_comment();
        builder = match module {
            "stdlib" => builder
                .allowlist_function("malloc|calloc|realloc|free|aligned_alloc|posix_memalign"),
            header => builder
                .allowlist_file(format!(r".*[/\\]{header}\.h"))
                .allowlist_recursively(false), // each type is in the file of its own header
        };
        let path = out.join(module).with_extension("rs");
        builder
            .generate()
            .map_err(|error| format!("bindgen could not read the headers ({error})"))?
            .write_to_file(&path)
            .map_err(|error| format!("{} could not be written ({error})", path.display()))?;
    }
    Ok(())
}

#[cfg(not(feature = "bindgen"))]
fn generate(_csrc: &Path, _out: &Path) -> Result<(), String> {
    Err("malloc-sys was built without its feature `bindgen`".to_owned())
}

/// Whether the environment variable is set to something other than nothing or `0`.
fn flag(name: &str) -> bool {
    env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0")
}

/// Ends the build with one readable line instead of a panic's backtrace.
fn fail(message: &str) -> ! {
    println!("cargo::error={message}");
    process::exit(1)
}
