//! The queue is deleted under its consumer, and made again.

use anyhow::Result;
use history::{Log, Verb};
use lapin::options::QueueDeleteOptions;

use crate::args::{Args, OnCancel};
use crate::fault::Site;
use crate::shop::{QUEUE, consume, count, declare, work};
use crate::{connect, send, settle};

pub async fn scene(args: &Args, site: &Site, log: &mut Log) -> Result<()> {
    let connection = connect(args, &site.url, "shop").await?;
    let orders = connection.create_channel().await?;
    let payments = connection.create_channel().await?;
    declare(&orders).await?;
    orders.confirm_select(Default::default()).await?;
    let mut charges = consume(&payments).await?;
    for order in 1..=4 {
        let sent = send(&orders, order, log).await?;
        settle(&orders, order, sent, log).await?;
        if order == 1 {
            work(&mut charges, log).await?;
            // A job that tidies up takes the queue for an old one. The next deployment of the
            // orders service makes it again.
            let (operator, channel) = site.operator().await?;
            let delete = QueueDeleteOptions::default();
            channel.queue_delete(QUEUE.into(), delete).await?;
            operator.close(200, "tidy".into()).await?;
            log.remark("rabbit", "is told to delete the queue");
            declare(&orders).await?;
        }
    }
    // ANCHOR: cancel
    while count(log, Verb::Done) < count(log, Verb::Stored) {
        if work(&mut charges, log).await? {
            continue;
        }
        if args.on_cancel == OnCancel::Leave {
            break;
        }
        // The queue may be gone, so it is declared before it is consumed.
        declare(&payments).await?;
        charges = consume(&payments).await?;
        log.remark("payments", "consumes again");
    }
    // ANCHOR_END: cancel
    connection.close(200, "the shop closes".into()).await?;
    Ok(())
}
