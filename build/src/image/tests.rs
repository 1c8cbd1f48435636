use std::os::unix::fs::MetadataExt as _;
use std::process::Command;

use super::*;

/// A static program for amd64: an ELF header that needs no segment, and an entry point.
fn static_program() -> Vec<u8> {
    let mut header = vec![0; 64];
    header[..7].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1, 1]);
    header[16] = 2;
    header[18] = 62;
    header[20] = 1;
    header[24] = 64;
    header
}

struct Source {
    directory: tempfile::TempDir,
}

impl Source {
    fn new() -> Self {
        let source = Self { directory: tempfile::tempdir().unwrap() };
        fs::create_dir_all(source.path("rootfs/run")).unwrap();
        fs::write(source.path("rootfs/run/.keep"), "").unwrap();
        fs::write(source.path("program"), static_program()).unwrap();
        source
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn assemble(&self) -> Result<Image, Error> {
        assemble(&self.path("program"), Arch::Amd64, &self.path("rootfs"), &self.path("out"))
    }

    fn names(&self) -> Vec<String> {
        let names = fs::read_dir(self.path("out")).unwrap();
        let mut names: Vec<_> =
            names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

#[test]
fn image_is_a_directory_a_tarball_and_its_sum() {
    let source = Source::new();
    let image = source.assemble().unwrap();
    let tarball = format!("docker-metrics-statsd-{VERSION}-linux-amd64.tar");
    assert_eq!(source.names(), ["amd64".to_owned(), tarball.clone(), format!("{tarball}.sha256")]);
    let expected = tarball::sha256_line(&fs::read(&image.tarball).unwrap(), &tarball);
    assert_eq!(fs::read_to_string(&image.sum).unwrap(), expected);
    let checked =
        Command::new("sha256sum").arg("-c").arg(&image.sum).current_dir(source.path("out")).output();
    assert!(checked.unwrap().status.success());
}

#[test]
fn directory_and_tarball_hold_the_same() {
    let source = Source::new();
    let image = source.assemble().unwrap();
    let bytes = fs::read(&image.tarball).unwrap();
    let mut paths = Vec::new();
    for entry in tar::Archive::new(bytes.as_slice()).entries().unwrap() {
        let entry = entry.unwrap();
        let path = entry.path().unwrap().into_owned();
        let found = fs::metadata(image.directory.join(&path)).unwrap();
        assert_eq!(found.mode() & 0o7777, entry.header().mode().unwrap(), "{path:?}");
        assert_eq!(found.mtime().cast_unsigned(), entry.header().mtime().unwrap(), "{path:?}");
        paths.push(path.to_string_lossy().into_owned());
    }
    assert_eq!(paths, ["config.json", "rootfs/", "rootfs/docker-metrics-statsd", "rootfs/run/"]);
    assert_eq!(fs::metadata(image.binary()).unwrap().nlink(), 1);
}

#[test]
fn same_source_same_bytes_whatever_the_files_times_and_modes() {
    let (first, second) = (Source::new(), Source::new());
    fs::set_permissions(second.path("program"), Permissions::from_mode(0o700)).unwrap();
    fs::set_permissions(second.path("rootfs/run"), Permissions::from_mode(0o700)).unwrap();
    let (first, second) = (first.assemble().unwrap(), second.assemble().unwrap());
    assert_eq!(fs::read(first.tarball).unwrap(), fs::read(second.tarball).unwrap());
}

#[test]
fn image_can_be_made_again_from_the_binary_in_it() {
    let source = Source::new();
    let first = fs::read(source.assemble().unwrap().tarball).unwrap();
    let binary = Image::at(&source.path("out"), Arch::Amd64).binary();
    let again = assemble(&binary, Arch::Amd64, &source.path("rootfs"), &source.path("out")).unwrap();
    assert_eq!(fs::read(again.tarball).unwrap(), first);
    assert_eq!(source.names().len(), 3);
}

#[test]
fn failed_run_leaves_the_last_image() {
    let source = Source::new();
    let image = source.assemble().unwrap();
    let before = fs::read(&image.tarball).unwrap();
    fs::copy("/bin/true", source.path("program")).unwrap();
    let error = source.assemble().unwrap_err();
    assert!(matches!(error, Error::Binary { .. }), "{error}");
    assert!(error.to_string().ends_with("so build a static one with `just build`"), "{error}");
    assert_eq!(fs::read(&image.tarball).unwrap(), before);
    assert_eq!(fs::read(image.binary()).unwrap(), static_program());
    assert_eq!(source.names().len(), 3);
}

#[test]
fn placed_binary_leaves_the_image_around_it() {
    let source = Source::new();
    let image = source.assemble().unwrap();
    let placed = place_binary(&source.path("program"), NAME, Arch::Amd64, &source.path("out")).unwrap();
    assert_eq!(placed, image.binary());
    assert!(image.directory.join("rootfs").exists());
    assert_eq!(source.names().len(), 3);
    fs::copy("/bin/true", source.path("program")).unwrap();
    assert!(place_binary(&source.path("program"), NAME, Arch::Amd64, &source.path("out")).is_err());
}
