//! What waits to be written to one connection: bounded in bytes, never blocking for whoever sends.
//!
//! A frame goes straight to the socket when nothing waits and the socket takes it: one system call, no task woken. Only
//! on back-pressure it is queued and the connection's [`Writer`] finishes the work. Full means the slow-consumer close;
//! a sender must never wait for a receiver. Frames are not joined into one write, because clients that dispatch all frames of
//! one segment in a row lose messages, unless the client asked for it: then a frame that follows another within its window
//! waits for the window's end and goes out with whatever else has gathered.
//!
//! Cost of a send to a writable socket: one uncontended lock and one `send(2)`. Of one within a window: the lock, and its share
//! of one wake-up, one timer and one `writev(2)`.

use std::collections::VecDeque;
use std::io::{ErrorKind, IoSlice};
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::connection::frame::Frame;
use crate::error::CloseReason;
use crate::metrics::QueueMetrics;

/// How long a closing connection may take to accept what is queued and the close frame.
const FLUSH_DEADLINE: Duration = Duration::from_secs(5);

/// Frames that go into one write at most.
const JOINED: usize = 64;

/// The connection takes nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the connection is closed")]
pub struct QueueClosed;

/// The sending side of one connection; shared by everything that writes to it.
#[derive(Debug)]
pub struct SendQueue {
    socket: OwnedWriteHalf,
    budget: usize,
    /// Within so long of another, frames are joined into one write.
    window: Option<Duration>,
    /// Guards the order of bytes on the socket: whoever holds it may write.
    waiting: Mutex<Waiting>,
    /// Wakes the writer; one permit is kept while it is busy.
    work: Notify,
    /// Wakes whoever waits for room.
    space: Notify,
    metrics: QueueMetrics,
}

#[derive(Debug, Default)]
struct Waiting {
    frames: VecDeque<Frame>,
    /// Sum of the queued frames.
    bytes: usize,
    /// How much of the first frame is already on the socket.
    written: usize,
    /// What the metrics were told of `bytes`.
    shown: usize,
    state: State,
    /// What the close frame says, where that is not the reason's own text.
    last_words: Option<Box<str>>,
    /// When the last write of a connection with a window began.
    written_at: Option<Instant>,
}

/// The lock on what waits; the metrics learn of its bytes when it is given back.
struct Locked<'a> {
    waiting: MutexGuard<'a, Waiting>,
    metrics: &'a QueueMetrics,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Open,
    /// Takes nothing more; the writer flushes, then sends the close frame.
    Closing(CloseReason),
    /// Nothing more is written.
    Closed(Option<CloseReason>),
}

/// The task side of a [`SendQueue`].
#[derive(Debug)]
pub struct Writer {
    queue: Arc<SendQueue>,
}

/// A queue over `socket` that lets at most `budget` bytes wait behind the frame that is being written. With a `window`, frames
/// may be joined; it is how long one may wait for that.
#[must_use]
pub fn open(socket: OwnedWriteHalf, budget: usize, window: Option<Duration>, metrics: QueueMetrics) -> (Arc<SendQueue>, Writer) {
    let queue =
        Arc::new(SendQueue { socket, budget, window, waiting: Mutex::default(), work: Notify::new(), space: Notify::new(), metrics });
    let writer = Writer { queue: Arc::clone(&queue) };
    (queue, writer)
}

impl SendQueue {
    /// Sends `frame`, now or as soon as the socket takes it.
    ///
    /// # Errors
    /// [`QueueClosed`] when the connection is closing; a connection whose budget is used up is closed by this call.
    pub fn send(&self, frame: Frame) -> Result<(), QueueClosed> {
        let mut waiting = self.lock();
        if waiting.state != State::Open {
            return Err(QueueClosed);
        }
        let mut written = 0;
        if waiting.frames.is_empty() && waiting.gathers(self.window).is_none() {
            match self.socket.try_write(frame.bytes()) {
                Ok(count) if count == frame.len() => {
                    self.metrics.sent(frame.len());
                    return Ok(());
                }
                Ok(count) => written = count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => {
                    waiting.end(None);
                    self.work.notify_one();
                    return Err(QueueClosed);
                }
            }
        }
        let behind = waiting.frames.front().map_or(0, |first| waiting.bytes - first.len() + frame.len());
        if behind > self.budget {
            self.metrics.slow_consumer();
            // A frame that is half on the socket stays: the close frame must not be read as its payload.
            let half_written = usize::from(waiting.written > 0);
            waiting.frames.truncate(half_written);
            waiting.bytes = waiting.frames.iter().map(Frame::len).sum();
            waiting.state = State::Closing(CloseReason::SlowConsumer);
            self.work.notify_one();
            self.space.notify_waiters();
            return Err(QueueClosed);
        }
        if waiting.frames.is_empty() {
            waiting.written = written;
        }
        waiting.bytes += frame.len();
        waiting.frames.push_back(frame);
        // Who gathers is woken once, and then wakes itself.
        if self.window.is_none() || waiting.frames.len() == 1 {
            self.work.notify_one();
        }
        Ok(())
    }

    /// Closes the connection: what is queued is written first, then the close frame of `reason`. The first reason counts.
    pub fn close(&self, reason: CloseReason) {
        let mut waiting = self.lock();
        if waiting.state == State::Open {
            waiting.state = State::Closing(reason);
            self.work.notify_one();
            self.space.notify_waiters();
        }
    }

    /// As [`SendQueue::close`], with a text of its own in the close frame.
    pub fn close_saying(&self, reason: CloseReason, text: &str) {
        let mut waiting = self.lock();
        if waiting.state == State::Open {
            waiting.state = State::Closing(reason);
            waiting.last_words = Some(text.into());
            self.work.notify_one();
        }
    }

    /// Ends the queue without a word: the peer is gone.
    pub fn abort(&self) {
        self.lock().end(None);
        self.work.notify_one();
        self.space.notify_waiters();
    }

    /// Whether the connection takes nothing more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.lock().state != State::Open
    }

    /// Waits until less than half of the budget is used, or the connection takes nothing more. For whoever has much to
    /// send that can wait.
    pub async fn room(&self) {
        loop {
            let woken = self.space.notified();
            tokio::pin!(woken);
            // Before the look, so that what happens after it wakes us.
            woken.as_mut().enable();
            {
                let waiting = self.lock();
                if waiting.state != State::Open || waiting.bytes <= self.budget / 2 {
                    return;
                }
            }
            woken.await;
        }
    }

    /// What waits, in bytes.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        let waiting = self.lock();
        waiting.bytes.saturating_sub(waiting.written)
    }

    fn lock(&self) -> Locked<'_> {
        // A panic inside the lock cannot leave a half-written frame unnoticed: `written` is set with the queue.
        Locked { waiting: self.waiting.lock().unwrap_or_else(PoisonError::into_inner), metrics: &self.metrics }
    }

    /// Writes as much as the socket takes now. `Ok(true)`: nothing is left.
    fn flush(&self) -> Result<bool, QueueClosed> {
        let flushed = self.flush_some();
        // Without anybody waiting this costs one atomic load.
        self.space.notify_waiters();
        flushed
    }

    fn flush_some(&self) -> Result<bool, QueueClosed> {
        let mut waiting = self.lock();
        if self.window.is_some() && !waiting.frames.is_empty() {
            waiting.written_at = Some(Instant::now());
        }
        loop {
            if let State::Closed(_) = waiting.state {
                return Err(QueueClosed);
            }
            let Some(frame) = waiting.frames.front().cloned() else { return Ok(true) };
            let rest = frame.bytes().get(waiting.written..).unwrap_or_default();
            let written = if self.window.is_some() && waiting.frames.len() > 1 {
                let behind = waiting.frames.iter().skip(1).take(JOINED - 1).map(Frame::bytes);
                let slices: Vec<IoSlice<'_>> = std::iter::once(rest).chain(behind).map(IoSlice::new).collect();
                self.socket.try_write_vectored(&slices)
            } else {
                self.socket.try_write(rest)
            };
            match written {
                Ok(count) => waiting.took(count, &self.metrics),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(_) => {
                    waiting.end(None);
                    return Err(QueueClosed);
                }
            }
            if waiting.frames.is_empty() && waiting.frames.capacity() > 16 {
                // An idle connection holds no buffer.
                waiting.frames = VecDeque::new();
            }
        }
    }
}

impl Deref for Locked<'_> {
    type Target = Waiting;

    fn deref(&self) -> &Waiting {
        &self.waiting
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut Waiting {
        &mut self.waiting
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        let (shown, bytes) = (self.waiting.shown, self.waiting.bytes);
        self.metrics.waiting(shown, bytes);
        self.waiting.shown = bytes;
    }
}

impl Waiting {
    /// The end of the window in which frames gather now; `None` when the next one goes out at once.
    fn gathers(&mut self, window: Option<Duration>) -> Option<Instant> {
        let (window, now) = (window?, Instant::now());
        if let Some(end) = self.written_at.map(|at| at + window).filter(|end| *end > now) {
            return Some(end);
        }
        self.written_at = Some(now);
        None
    }

    /// The socket took so many bytes of what waits.
    fn took(&mut self, count: usize, metrics: &QueueMetrics) {
        self.written += count;
        while let Some(first) = self.frames.front().map(Frame::len)
            && self.written >= first
        {
            self.frames.pop_front();
            self.bytes -= first;
            self.written -= first;
            metrics.sent(first);
        }
    }

    fn end(&mut self, reason: Option<CloseReason>) {
        self.frames = VecDeque::new();
        self.bytes = 0;
        self.written = 0;
        if !matches!(self.state, State::Closed(_)) {
            self.state = State::Closed(reason);
        }
    }
}

impl Writer {
    /// Writes what had to wait until the connection closes. Returns why, or `None` when the peer was gone first.
    /// The close frame, if any, has been written (or the deadline has passed) when this returns.
    pub async fn run(&mut self) -> Option<CloseReason> {
        loop {
            self.queue.work.notified().await;
            // Boxed: a socket that takes everything at once never needs it.
            match Box::pin(self.drain()).await {
                Ok(None) => {}
                Ok(Some(reason)) => return Box::pin(self.finish(reason)).await,
                Err(QueueClosed) => return None,
            }
        }
    }

    /// Writes until nothing waits. `Some`: the connection is closing and everything before the close is written.
    async fn drain(&self) -> Result<Option<CloseReason>, QueueClosed> {
        loop {
            let closing = match self.queue.lock().state {
                State::Open => None,
                State::Closing(reason) => Some(reason),
                State::Closed(_) => return Err(QueueClosed),
            };
            if closing.is_some() {
                // The rest is written under a deadline by `finish`.
                return Ok(closing);
            }
            if let Some(end) = self.gathers() {
                tokio::select! {
                    // Both only wait; a close ends the gathering.
                    () = tokio::time::sleep_until(end) => {}
                    () = self.queue.work.notified() => continue,
                }
            }
            if self.queue.flush()? {
                return Ok(None);
            }
            // Cancel-safe, and `work` wakes us too when a close has to overtake a socket that never becomes writable.
            tokio::select! {
                ready = self.queue.socket.writable() => ready.map_err(|_| QueueClosed)?,
                () = self.queue.work.notified() => {}
            }
        }
    }

    /// Until when what waits gathers more.
    fn gathers(&self) -> Option<Instant> {
        let window = self.queue.window?;
        let mut waiting = self.queue.lock();
        // A frame that is half on the socket waits for the socket alone.
        if waiting.frames.is_empty() || waiting.written > 0 { None } else { waiting.gathers(Some(window)) }
    }

    async fn finish(&self, reason: CloseReason) -> Option<CloseReason> {
        let flush = async {
            // A frame that is half on the socket must be completed, or the close frame would be read as its payload.
            {
                let mut waiting = self.queue.lock();
                let close = Frame::close(reason.code(), waiting.last_words.as_deref().unwrap_or(reason.text()));
                waiting.bytes += close.len();
                waiting.frames.push_back(close);
            }
            while !self.queue.flush()? {
                self.queue.socket.writable().await.map_err(|_| QueueClosed)?;
            }
            Ok::<(), QueueClosed>(())
        };
        let _flushed_or_given_up = tokio::time::timeout(FLUSH_DEADLINE, flush).await;
        self.queue.lock().end(Some(reason));
        Some(reason)
    }
}

/// Shuts the sending direction of a finished connection, so that the peer sees the end at once.
pub async fn shut(queue: Arc<SendQueue>) {
    if let Some(queue) = Arc::into_inner(queue) {
        let mut socket = queue.socket;
        // The peer may be gone already; there is nobody to tell.
        let _shut = socket.shutdown().await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::io::AsyncReadExt as _;
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (client, server) = tokio::join!(TcpStream::connect(address), listener.accept());
        (client.unwrap(), server.unwrap().0)
    }

    fn queue(server: TcpStream, budget: usize) -> (Arc<SendQueue>, Writer) {
        open(server.into_split().1, budget, None, QueueMetrics::detached())
    }

    #[tokio::test]
    async fn a_writable_socket_gets_frames_at_once_and_in_order() {
        let (mut client, server) = pair().await;
        let (queue, _writer) = queue(server, 1000);
        queue.send(Frame::text(b"a")).unwrap();
        queue.send(Frame::text(b"b")).unwrap();
        let mut bytes = [0; 6];
        client.read_exact(&mut bytes).await.unwrap();
        assert_eq!(bytes, [0x81, 1, b'a', 0x81, 1, b'b']);
        assert_eq!(queue.queued_bytes(), 0);
    }

    #[tokio::test]
    async fn within_a_window_frames_gather_and_keep_their_order() {
        let (mut client, server) = pair().await;
        let window = Duration::from_millis(20);
        let (queue, mut writer) = open(server.into_split().1, 1_000_000, Some(window), QueueMetrics::detached());
        let tasks = service_runtime::Tasks::new();
        let running = tasks.spawn("writer", async move { writer.run().await });
        let frames: Vec<Frame> = (0..200_u8).map(|number| Frame::text(&[number % 100, b'x'])).collect();
        let began = Instant::now();
        for frame in &frames {
            queue.send(frame.clone()).unwrap();
        }
        let expect = frames.iter().map(|frame| frame.bytes().to_vec()).collect::<Vec<_>>().concat();
        let mut bytes = vec![0; expect.len()];
        client.read_exact(&mut bytes).await.unwrap();
        assert_eq!(bytes, expect);
        assert!(began.elapsed() >= window);
        queue.close(CloseReason::Drain);
        assert_eq!(running.await.unwrap(), Some(Some(CloseReason::Drain)));
    }

    #[tokio::test]
    async fn a_lone_frame_does_not_wait_and_a_close_ends_the_gathering() {
        let (mut client, server) = pair().await;
        let (queue, mut writer) = open(server.into_split().1, 1000, Some(Duration::from_secs(3600)), QueueMetrics::detached());
        queue.send(Frame::text(b"alone")).unwrap();
        assert_eq!(queue.queued_bytes(), 0);
        queue.send(Frame::text(b"last")).unwrap();
        assert_eq!(queue.queued_bytes(), Frame::text(b"last").len());
        queue.close(CloseReason::Drain);
        assert_eq!(writer.run().await, Some(CloseReason::Drain));
        drop(writer);
        shut(queue).await;
        let mut all = Vec::new();
        client.read_to_end(&mut all).await.unwrap();
        let close = Frame::close(CloseReason::Drain.code(), CloseReason::Drain.text());
        assert_eq!(all, [Frame::text(b"alone").bytes(), Frame::text(b"last").bytes(), close.bytes()].concat());
    }

    #[tokio::test]
    async fn a_reader_that_never_reads_is_closed_within_its_budget_and_keeps_whole_frames() {
        let (mut client, server) = pair().await;
        let (queue, mut writer) = queue(server, 100_000);
        let tasks = service_runtime::Tasks::new();
        let running = tasks.spawn("writer", async move { writer.run().await });
        let frame = Frame::text(&vec![b'x'; 10_000]);
        let mut accepted = 0_usize;
        while queue.send(frame.clone()).is_ok() {
            accepted += 1;
            assert!(queue.queued_bytes() <= 100_000 + 2 * frame.len());
            assert!(accepted < 10_000, "never closed");
            tokio::task::yield_now().await;
        }
        assert!(queue.is_closed());
        // The client reads at last: whole frames, then nothing half.
        let mut all = Vec::new();
        let read = async {
            let mut chunk = vec![0; 65_536];
            loop {
                let count = client.read(&mut chunk).await.unwrap();
                all.extend_from_slice(&chunk[..count]);
                if count == 0
                    || all.len() % frame.len() != 0
                        && all.ends_with(Frame::close(CloseReason::SlowConsumer.code(), CloseReason::SlowConsumer.text()).bytes())
                {
                    return;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(10), read).await.unwrap();
        assert_eq!(running.await.unwrap(), Some(Some(CloseReason::SlowConsumer)));
    }

    #[tokio::test]
    async fn closing_flushes_first_and_then_says_why() {
        let (mut client, server) = pair().await;
        let (queue, mut writer) = queue(server, 1000);
        queue.send(Frame::text(b"last")).unwrap();
        queue.close(CloseReason::Drain);
        assert_eq!(queue.send(Frame::text(b"late")), Err(QueueClosed));
        assert_eq!(writer.run().await, Some(CloseReason::Drain));
        drop(writer);
        shut(queue).await;
        let mut all = Vec::new();
        client.read_to_end(&mut all).await.unwrap();
        let close = Frame::close(CloseReason::Drain.code(), CloseReason::Drain.text());
        assert_eq!(all, [Frame::text(b"last").bytes(), close.bytes()].concat());
    }
}
