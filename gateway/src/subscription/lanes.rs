//! The two queues of a collection's task: commands about subscriptions, and what the feed hands over.
//!
//! Where changes come faster than they are judged the feed's lane is full, and a client that subscribes, unsubscribes or loses a
//! right must not wait behind all of it: commands go first. Each lane keeps its order, and no notice overtakes a command that
//! was sent before it, so nothing is judged under rules that were gone when it came. Commands never hold up the feed for longer
//! than those take that were there when its notice came up. It must never grow: whoever sends to a full lane waits.

use std::sync::Arc;

use change_event::ChangeEvent;
use tokio::sync::{mpsc, oneshot};
use tracing::Span;

use crate::subscription::collection::Command;

/// What may wait in each lane; a full one makes the feed wait, which its own bound turns into a gap.
const LANE: usize = 1024;

/// What the feed hands over.
pub(super) enum Notice {
    /// A change, and the span that ends with its delivery; answers when it has been delivered.
    Event(Arc<ChangeEvent>, Span, oneshot::Sender<()>),
    /// Changes were lost: every view is read again.
    Gap,
    /// Answers when everything before it, in either lane, is done.
    Barrier(oneshot::Sender<()>),
}

/// The senders' end. What is sent to a task that has ended is dropped: it took its groups with it.
#[derive(Clone)]
pub(super) struct Lanes {
    commands: mpsc::Sender<Command>,
    notices: mpsc::Sender<Notice>,
}

/// The task's end.
pub(super) struct Queue {
    commands: mpsc::Receiver<Command>,
    notices: mpsc::Receiver<Notice>,
    /// The notice whose turn it is after as many commands.
    upcoming: Option<(Notice, usize)>,
}

/// What is to be done next.
pub(super) enum Next {
    Command(Command),
    Notice(Notice),
}

/// Two empty lanes.
pub(super) fn lanes() -> (Lanes, Queue) {
    let ((commands, from_clients), (notices, from_feed)) = (mpsc::channel(LANE), mpsc::channel(LANE));
    (Lanes { commands, notices }, Queue { commands: from_clients, notices: from_feed, upcoming: None })
}

impl Lanes {
    pub(super) async fn command(&self, command: Command) {
        let _sent = self.commands.send(command).await;
    }

    pub(super) async fn notice(&self, notice: Notice) {
        let _sent = self.notices.send(notice).await;
    }
}

impl Queue {
    /// What is to be done next; `None` when all is done and every sender is gone. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<Next> {
        if self.upcoming.is_none() {
            tokio::select! {
                biased;
                Some(notice) = self.notices.recv() => self.upcoming = Some((notice, self.commands.len())),
                Some(command) = self.commands.recv() => return Some(Next::Command(command)),
                else => return None,
            }
        }
        let (notice, before) = self.upcoming.take()?;
        match before.checked_sub(1).and_then(|rest| Some((self.commands.try_recv().ok()?, rest))) {
            Some((command, rest)) => {
                self.upcoming = Some((notice, rest));
                Some(Next::Command(command))
            }
            None => Some(Next::Notice(notice)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subscription::request::SubscriptionId;

    fn remove(number: u64) -> Command {
        Command::Remove { subscription: SubscriptionId(number) }
    }

    async fn told(queue: &mut Queue) -> String {
        match queue.next().await {
            Some(Next::Command(Command::Remove { subscription })) => subscription.0.to_string(),
            Some(Next::Command(_)) => "another".to_owned(),
            Some(Next::Notice(Notice::Gap)) => "gap".to_owned(),
            Some(Next::Notice(_)) => "notice".to_owned(),
            None => "end".to_owned(),
        }
    }

    #[tokio::test]
    async fn commands_go_first_and_none_is_overtaken() {
        let (lanes, mut queue) = lanes();
        lanes.notice(Notice::Gap).await;
        lanes.notice(Notice::Gap).await;
        lanes.command(remove(1)).await;
        lanes.command(remove(2)).await;
        assert_eq!(told(&mut queue).await, "1");
        // Came after the notice had its turn: behind it, but before the next.
        lanes.command(remove(3)).await;
        assert_eq!([told(&mut queue).await, told(&mut queue).await, told(&mut queue).await], ["2", "gap", "3"]);
        drop(lanes);
        assert_eq!([told(&mut queue).await, told(&mut queue).await], ["gap", "end"]);
    }

    #[tokio::test]
    async fn a_cancelled_wait_loses_nothing() {
        let (lanes, mut queue) = lanes();
        assert!(futures_util::poll!(Box::pin(queue.next())).is_pending());
        lanes.command(remove(1)).await;
        lanes.notice(Notice::Gap).await;
        assert_eq!([told(&mut queue).await, told(&mut queue).await], ["1", "gap"]);
    }
}
