//! Compiles every .proto file under `proto/`, without protoc.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

use protox::prost::Message as _;

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from("proto");
    let mut files = Vec::new();
    find(&root, &mut files)?;
    files.sort();

    let descriptors = protox::compile(&files, [&root])?;
    let output = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(output.join("foedus.bin"), descriptors.encode_to_vec())?;

    // The names let a reader of any message find its descriptor.
    let mut config = prost_build::Config::new();
    config.enable_type_names();

    // The binaries bring their own transports, so that the generated clients need none.
    tonic_prost_build::configure()
        .build_transport(false)
        .btree_map(".")
        .include_file("packages.rs")
        .compile_fds_with_config(descriptors, config)?;
    Ok(())
}

fn find(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={}", folder.display());
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, files)?;
        } else if path
            .extension()
            .is_some_and(|extension| extension == "proto")
        {
            files.push(path);
        }
    }
    Ok(())
}
