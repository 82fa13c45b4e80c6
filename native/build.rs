//! Builds the C++ side with CMake and tells rustc what to link. Which C++ file depends on which
//! header is Ninja's job; this script only has to run when one of `SOURCES` changed.
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{exit, Command},
};

const SOURCES: [&str; 5] = [
    "CMakeLists.txt",
    "core",
    "bindings",
    "build.rs",
    "../jvm/src/main/java/io/raydp/exchange/NativeExchange.java", // declares the JNI functions
];
const ENVIRONMENT: [&str; 6] = [
    "CXX",
    "CXXFLAGS",
    "JAVA_HOME",
    "PYO3_ENVIRONMENT_SIGNATURE",
    "PYO3_PYTHON",
    "PYTHON_SYS_EXECUTABLE",
];

/// Prints one line without a backtrace: the machine lacks something; this program has no bug.
fn fail(message: &str) -> ! {
    eprintln!("raydp: {message}");
    exit(1)
}

fn environment_path(name: &str) -> PathBuf {
    PathBuf::from(env::var_os(name).unwrap_or_else(|| fail(&format!("cargo did not set {name}"))))
}

fn run(command: &mut Command) {
    match command.status() {
        Ok(status) if status.success() => {}
        Ok(status) => fail(&format!("{command:?} ended with {status}")),
        Err(error) => fail(&format!("{command:?} could not be started: {error}")),
    }
}

fn capture(command: &mut Command) -> String {
    match command.output() {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        }
        Ok(output) => fail(&format!(
            "{command:?} ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        )),
        Err(error) => fail(&format!("{command:?} could not be started: {error}")),
    }
}

fn find(tool: &str, package: &str) -> PathBuf {
    env::split_paths(&env::var_os("PATH").unwrap_or_default())
        .map(|folder| folder.join(tool))
        .find(|path| path.is_file())
        .unwrap_or_else(|| {
            fail(&format!(
                "{tool} is needed to build the C++ core, but it is not on PATH; \
                 install it (Debian: apt-get install {package})"
            ))
        })
}

/// The interpreter that the module is built for. maturin names it; a plain `cargo build` may not.
fn python() -> PathBuf {
    ["PYO3_PYTHON", "PYTHON_SYS_EXECUTABLE"]
        .iter()
        .find_map(env::var_os)
        .map_or_else(|| "python3".into(), PathBuf::from)
}

fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// In an isolated build, pybind11's folder has a new name each time. With its headers copied to a
/// fixed place, a second build compiles only what changed.
fn stable_pybind11(out: &Path, include: &str, version: &str) -> PathBuf {
    let copy = out.join(format!("pybind11-{version}"));
    let complete = copy.join(".complete");
    if !complete.exists() {
        copy_folder(Path::new(include), &copy)
            .and_then(|()| fs::write(complete, ""))
            .unwrap_or_else(|error| fail(&format!("cannot copy {include}: {error}")));
    }
    copy
}

/// CMake refuses a build folder of another source folder, for example after the checkout moved or with
/// a shared CARGO_TARGET_DIR.
fn drop_foreign_build(build: &Path, source: &Path) {
    let home = format!("CMAKE_HOME_DIRECTORY:INTERNAL={}", source.display());
    let cache = fs::read_to_string(build.join("CMakeCache.txt")).unwrap_or_default();
    if !cache.is_empty() && !cache.lines().any(|line| line == home) {
        fs::remove_dir_all(build)
            .unwrap_or_else(|error| fail(&format!("cannot remove {}: {error}", build.display())));
    }
}

fn configure_and_build(source: &Path, out: &Path) -> PathBuf {
    let described = capture(Command::new(python()).args([
        "-c",
        "import sysconfig, pybind11\n\
         print(sysconfig.get_path('include'), pybind11.get_include(), pybind11.__version__, sep='\\n')",
    ]));
    let [python_include, pybind11_include, pybind11_version] =
        described.lines().collect::<Vec<_>>()[..]
    else {
        fail(&format!(
            "cannot parse the paths of Python and pybind11: {described}"
        ))
    };
    let pybind11 = stable_pybind11(out, pybind11_include, pybind11_version);
    let (build, installed) = (out.join("build"), out.join("installed"));
    drop_foreign_build(&build, source);
    let release = env::var("PROFILE").as_deref() == Ok("release");
    let mut configure = Command::new(find("cmake", "cmake"));
    configure.arg("-S").arg(source).arg("-B").arg(&build);
    configure.args(["-G", "Ninja"]);
    for (key, value) in [
        (
            "CMAKE_BUILD_TYPE",
            if release { "Release" } else { "Debug" }.into(),
        ),
        ("CMAKE_INSTALL_PREFIX", installed.display().to_string()),
        // Always passed: the path that an earlier isolated build found no longer exists.
        (
            "CMAKE_MAKE_PROGRAM",
            find("ninja", "ninja-build").display().to_string(),
        ),
        ("RAYDP_BUILD_PYTHON", "ON".into()),
        ("RAYDP_PYTHON_INCLUDE", python_include.to_owned()),
        ("RAYDP_PYBIND11_INCLUDE", pybind11.display().to_string()),
        ("RAYDP_JAVA_HOME", env::var("JAVA_HOME").unwrap_or_default()),
    ] {
        configure.arg(format!("-D{key}={value}"));
    }
    run(&mut configure);
    let jobs = env::var("NUM_JOBS").unwrap_or_else(|_| "2".into());
    run(Command::new(find("cmake", "cmake"))
        .arg("--build")
        .arg(&build)
        .args(["-j", &jobs, "--target", "install"]));
    installed
}

fn main() {
    for path in SOURCES {
        println!("cargo:rerun-if-changed={path}");
    }
    for name in ENVIRONMENT {
        println!("cargo:rerun-if-env-changed={name}");
    }
    let out = environment_path("OUT_DIR");
    let installed = configure_and_build(&environment_path("CARGO_MANIFEST_DIR"), &out);

    // pyproject.toml includes this file, at the top of OUT_DIR, in the wheel.
    let jni = installed.join("lib/libraydp_jni.so");
    fs::copy(&jni, out.join("libraydp_jni.so"))
        .unwrap_or_else(|error| fail(&format!("cannot copy {}: {error}", jni.display())));

    println!(
        "cargo:rustc-link-search=native={}",
        installed.join("lib").display()
    );
    println!("cargo:rustc-link-lib=static:+whole-archive=raydp_py");
    println!("cargo:rustc-link-lib=static=raydp_core");
    // libstdc++ is linked statically. libgcc_s is not: a static one would need glibc 2.35, and every
    // machine with glibc has the shared one. no_std does not link libc and libm, and without them
    // the module would not record which glibc it needs.
    let compiler = env::var("CXX").unwrap_or_else(|_| "c++".into());
    for (kind, library, extension) in [("static", "stdc++", "a"), ("dylib", "gcc_s", "so")] {
        let file = format!("-print-file-name=lib{library}.{extension}");
        let path = PathBuf::from(capture(Command::new(&compiler).arg(file)));
        let folder = path.parent().unwrap_or(Path::new("."));
        println!("cargo:rustc-link-search=native={}", folder.display());
        println!("cargo:rustc-link-lib={kind}={library}");
    }
    println!("cargo:rustc-link-lib=dylib=m");
    println!("cargo:rustc-link-lib=dylib=c");
}
