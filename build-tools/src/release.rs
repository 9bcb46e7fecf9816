//! `release`: the archive of the protos that callers of the gateway compile, whatever their language.
//!
//! The same tree makes the same bytes: files in order, one time, no owner.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use flate2::{Compression, write::GzEncoder};
use prost_reflect::DescriptorPool;
use sha2::{Digest as _, Sha256};

use crate::rpc;

/// What tells the reader of an archive what to do with it.
const README: &str = include_str!("release/README.md");

/// All releases of the workspace have one version.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// When each file was made, as the archive tells: the first second of the year 2000. Tools complain of 1970.
const TIME: u64 = 946_684_800;

/// A file of the archive: its path there, and its contents.
type Entry = (String, Vec<u8>);

/// Writes `openfinance-protos-VERSION.tar.gz` into a folder, which is made where it is missing.
pub(crate) fn run(root: &Path, folder: &Path, out: &mut dyn std::io::Write) -> Result<()> {
    let bytes = archive(&entries(root)?)?;
    let path = folder.join(format!("{}.tar.gz", name()));
    let cannot = || format!("cannot write {}", path.display());
    fs::create_dir_all(folder).with_context(cannot)?;
    fs::write(&path, &bytes).with_context(cannot)?;
    let sum: String = Sha256::digest(&bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    writeln!(out, "{sum}  {}", path.display())?;
    Ok(())
}

/// The archive without its ending, and the one folder in it.
fn name() -> String {
    format!("openfinance-protos-{VERSION}")
}

/// What goes in, by path.
fn entries(root: &Path) -> Result<Vec<Entry>> {
    let read = |path: &Path| {
        let place = root.join(path);
        fs::read(&place).with_context(|| format!("cannot read {}", place.display()))
    };
    let descriptors = rpc::compile(root)?;
    let pool = DescriptorPool::decode(descriptors.as_slice())?;
    let mut entries = vec![
        ("LICENSE".to_owned(), read(Path::new("LICENSE"))?),
        (
            "README.md".to_owned(),
            README.replace("VERSION", VERSION).into_bytes(),
        ),
        ("openfinance.binpb".to_owned(), descriptors),
        (
            "proto/buf.yaml".to_owned(),
            read(Path::new("proto/buf.yaml"))?,
        ),
        (
            "service_config.json".to_owned(),
            rpc::service_config::file(&pool)?,
        ),
    ];
    for path in rpc::files(root)? {
        let name = path.file_name().context("a proto without a name")?;
        let name = name.to_str().context("a proto's name is not UTF-8")?;
        entries.push((format!("proto/openfinance/v1/{name}"), fs::read(&path)?));
    }
    entries.sort();
    Ok(entries)
}

fn archive(entries: &[Entry]) -> Result<Vec<u8>> {
    // Neither a name nor a time goes into the header.
    let gzip = GzEncoder::new(Vec::new(), Compression::best());
    let mut tar = tar::Builder::new(gzip);
    for (path, contents) in entries {
        let mut header = tar::Header::new_ustar();
        header.set_size(contents.len().try_into()?);
        header.set_mode(0o644);
        header.set_mtime(TIME);
        header.set_uid(0);
        header.set_gid(0);
        header.set_entry_type(tar::EntryType::Regular);
        tar.append_data(
            &mut header,
            format!("{}/{path}", name()),
            contents.as_slice(),
        )?;
    }
    Ok(tar.into_inner()?.finish()?)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, io::Read as _};

    use prost_reflect::{prost::Message as _, prost_types::FileDescriptorSet};

    use super::*;

    /// What is in an archive, by path below its folder.
    fn unpack(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
        let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(archive));
        let prefix = format!("{}/", name());
        tar.entries()
            .unwrap()
            .map(|entry| {
                let mut entry = entry.unwrap();
                let header = entry.header();
                assert_eq!(header.mtime().unwrap(), TIME);
                assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (0, 0));
                assert_eq!(header.mode().unwrap(), 0o644);
                let path = entry.path().unwrap().to_str().unwrap().to_owned();
                let mut contents = Vec::new();
                entry.read_to_end(&mut contents).unwrap();
                (path.strip_prefix(&prefix).unwrap().to_owned(), contents)
            })
            .collect()
    }

    #[test]
    fn the_archive_has_all_that_callers_compile_and_is_the_same_each_time() {
        let root = crate::root();
        let folder = tempfile::tempdir().unwrap();
        let made = |name: &str| {
            let out = folder.path().join(name);
            let mut said = Vec::new();
            run(&root, &out, &mut said).unwrap();
            let path = out.join(format!("openfinance-protos-{VERSION}.tar.gz"));
            let said = String::from_utf8(said).unwrap();
            assert!(said.ends_with(&format!("  {}\n", path.display())), "{said}");
            (fs::read(path).unwrap(), said[..64].to_owned())
        };
        let first = made("first");
        assert_eq!(first, made("second/below"));

        let files = unpack(&first.0);
        let on_disk = |path: &str| fs::read(root.join(path)).unwrap();
        for (inside, outside) in [
            ("LICENSE", "LICENSE"),
            ("proto/buf.yaml", "proto/buf.yaml"),
            ("service_config.json", rpc::service_config::PLACE),
        ] {
            assert_eq!(files[inside], on_disk(outside), "{inside}");
        }
        let mut protos = 0;
        for entry in fs::read_dir(root.join("proto/openfinance/v1")).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            let inside = format!("proto/openfinance/v1/{name}");
            assert_eq!(files[&inside], fs::read(&path).unwrap(), "{name}");
            protos += 1;
        }
        assert_eq!(files.len(), 5 + protos, "{:?}", files.keys());

        let readme = String::from_utf8(files["README.md"].clone()).unwrap();
        assert!(readme.starts_with(&format!("# The protos of openfinance {VERSION}\n")));
    }

    #[test]
    fn the_descriptor_set_stands_alone_and_has_the_comments() {
        let entries = entries(&crate::root()).unwrap();
        let (_, set) = entries
            .iter()
            .find(|(path, _)| path == "openfinance.binpb")
            .unwrap();
        // Without its imports it would not make a pool.
        let pool = DescriptorPool::decode(set.as_slice()).unwrap();
        assert!(
            pool.get_message_by_name("openfinance.v1.Customer")
                .is_some()
        );
        let set = FileDescriptorSet::decode(set.as_slice()).unwrap();
        for file in set
            .file
            .iter()
            .filter(|file| file.package() == rpc::PACKAGE)
        {
            let positions = file.source_code_info.as_ref().unwrap();
            let mut comments = positions.location.iter();
            let told = comments.any(|place| !place.leading_comments().is_empty());
            assert!(told, "{} has no comments", file.name());
        }
    }
}
