//! A receiver on loopback that takes every message, so that delivery is real.

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Largest head or body that is read; a message is far below it.
const BYTES_MAX: usize = 4 << 20;

/// Answers 200 to whatever is posted, until it is dropped.
#[derive(Debug)]
pub(super) struct Robot {
    pub(super) url: String,
    listens: JoinHandle<()>,
}

impl Robot {
    pub(super) async fn open() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/", listener.local_addr()?);
        let listens = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream));
            }
        });
        Ok(Self { url, listens })
    }
}

impl Drop for Robot {
    fn drop(&mut self) {
        self.listens.abort();
    }
}

/// One request of one connection. Who sends no whole request gets no answer.
async fn answer(mut stream: TcpStream) {
    let (mut read, mut chunk) = (Vec::new(), [0_u8; 16 * 1024]);
    while length(&read).is_none_or(|whole| read.len() < whole) && read.len() < BYTES_MAX {
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return,
            Ok(count) => read.extend_from_slice(&chunk[..count]),
        }
    }
    // The sender's ledger tells whether it heard this.
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
}

/// Bytes of the whole request, once its head is there.
fn length(read: &[u8]) -> Option<usize> {
    let head = read.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&read[..head]).to_ascii_lowercase();
    let body = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    Some(head + body.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_whole_when_its_body_is() {
        assert_eq!(length(b"POST / HTTP/1.1\r\nContent-Le"), None);
        let head = b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n";
        assert_eq!(length(head), Some(head.len() + 5));
        assert_eq!(length(b"GET / HTTP/1.1\r\n\r\nrest"), Some(18));
    }
}
