//! System calls of a running server made to fail, by strace.

use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// strace, attached to all threads of a process until dropped.
pub(crate) struct Injection {
    strace: Child,
}

impl Injection {
    /// Makes `calls` (such as `fsync,fdatasync`) fail as `how` says (such as `error=EIO:when=3`, counted
    /// for each thread by itself); or why that is not possible here.
    pub(crate) fn into(pid: u32, calls: &str, how: &str) -> Result<Self, String> {
        let mut strace = Command::new("strace")
            .args(["-f", "-o", "/dev/null", "-p", &pid.to_string()])
            .args(["-e", &format!("trace={calls}"), "-e", &format!("inject={calls}:{how}")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| format!("strace: {e}"))?;
        let mut stderr = BufReader::new(strace.stderr.take().expect("piped"));
        let mut said = String::new();
        // It says so when all threads are under its hand, and complains and ends when it cannot.
        while stderr.read_line(&mut said).is_ok_and(|bytes| bytes > 0) {
            if said.contains(" attached") {
                // It goes on to name each new thread, and would stop at a full pipe.
                std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
                return Ok(Self { strace });
            }
        }
        let _ = strace.wait();
        Err(format!("strace cannot attach: {said}"))
    }
}

impl Drop for Injection {
    fn drop(&mut self) {
        // An interrupt lets the traced process go, unharmed.
        let _ = kill_process(Pid::from_child(&self.strace), Signal::INT);
        let _ = self.strace.wait();
    }
}
