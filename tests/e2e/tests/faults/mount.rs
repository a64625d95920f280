//! File systems of our own: an ext4 image whose power can be cut, a tmpfs that is soon full.

use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A mounted file system, unmounted and deleted when dropped. Declare it before the server upon it.
pub(crate) struct Mount {
    home: TempDir,
    /// Where it is mounted, if not in its home.
    elsewhere: Option<PathBuf>,
    kind: Kind,
}

enum Kind {
    Ext4,
    Tmpfs,
}

impl Mount {
    /// An ext4 file system in a sparse file; or why there is none.
    pub(crate) fn ext4(mebibytes: u64) -> Result<Self, String> {
        let mount = Self::prepared(Kind::Ext4)?;
        let image = mount.image();
        let file = std::fs::File::create(&image).and_then(|file| file.set_len(mebibytes << 20));
        file.map_err(|e| format!("{}: {e}", image.display()))?;
        run("mkfs.ext4", &["-q", "-F", &text(&image)])?;
        mount.mount()?;
        Ok(mount)
    }

    /// A tmpfs of that size; or why there is none.
    pub(crate) fn tmpfs(mebibytes: u64) -> Result<Self, String> {
        let mount = Self::prepared(Kind::Tmpfs)?;
        run("mount", &["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "tmpfs", &text(&mount.path())])?;
        Ok(mount)
    }

    /// A tmpfs of that size over a directory that is there; or why there is none.
    pub(crate) fn tmpfs_over(directory: &Path, mebibytes: u64) -> Result<Self, String> {
        let mut mount = Self::prepared(Kind::Tmpfs)?;
        mount.elsewhere = Some(directory.to_owned());
        run("mount", &["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "tmpfs", &text(&mount.path())])?;
        Ok(mount)
    }

    fn prepared(kind: Kind) -> Result<Self, String> {
        if !rustix::process::geteuid().is_root() {
            return Err("mounting needs root".to_owned());
        }
        let home = tempfile::Builder::new().prefix("stormglass-fault-").tempdir().map_err(|e| e.to_string())?;
        let mount = Self { home, elsewhere: None, kind };
        std::fs::create_dir(mount.path()).map_err(|e| e.to_string())?;
        Ok(mount)
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.elsewhere.clone().unwrap_or_else(|| self.home.path().join("mount"))
    }

    /// Where the server is to keep its data.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.path().join("data")
    }

    fn image(&self) -> PathBuf {
        self.home.path().join("image")
    }

    fn mount(&self) -> Result<(), String> {
        run("mount", &["-o", "loop", &text(&self.image()), &text(&self.path())])
    }

    /// The ext4 shutdown ioctl without flushing its journal: from now on every operation fails, and
    /// what was not synced is gone.
    pub(crate) fn cut_power(&self) -> Result<(), String> {
        assert!(matches!(self.kind, Kind::Ext4));
        // EXT4_IOC_SHUTDOWN = _IOR('X', 125, u32), EXT4_GOING_FLAGS_NOLOGFLUSH = 2.
        const CUT: &str = "import fcntl, os, struct, sys; \
             fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack('I', 2))";
        run("python3", &["-c", CUT, &text(&self.path())])
    }

    /// The machine comes up again: unmounts and mounts, which replays the journal.
    pub(crate) fn power_on(&self) {
        self.unmount();
        self.mount().expect("what was mounted before can be mounted again");
    }

    pub(crate) fn remount(&self, option: &str) -> Result<(), String> {
        run("mount", &["-o", &format!("remount,{option}"), &text(&self.path())])
    }

    /// Fills space with a file that can be deleted later.
    pub(crate) fn ballast(&self, mebibytes: usize) -> PathBuf {
        let path = self.path().join("ballast");
        std::fs::write(&path, vec![0xa5; mebibytes << 20]).expect("there is room for the ballast");
        path
    }

    fn unmount(&self) {
        // The processes of a killed server may take a moment to let go.
        for _ in 0..100 {
            if run("umount", &[&text(&self.path())]).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("{} stays busy", self.path().display());
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = run("umount", &["-l", &text(&self.path())]);
    }
}

fn text(path: &Path) -> String {
    path.to_str().expect("temporary folders have plain names").to_owned()
}

/// Runs a tool; its complaint is the error.
pub(crate) fn run(tool: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(tool).args(arguments).output().map_err(|e| format!("{tool}: {e}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("{tool} {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim())),
    }
}
