//! Places for connections, and who leaves when they are all taken.

use super::*;

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn enter(places: &Places, from: &str) -> Connection {
    places.enter(address(from)).unwrap()
}

fn leaving(connections: &[Connection]) -> Vec<usize> {
    connections
        .iter()
        .enumerate()
        .filter(|(_, connection)| connection.leaves.is_cancelled())
        .map(|(number, _)| number)
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_network_gets_a_quarter_of_the_places_and_closed_connections_free_theirs() {
    let places = Places::new(8, vec!["10.0.0.0/8".parse().unwrap()]);
    let mut of_one_network: Vec<Connection> =
        ["2001:db8::1", "2001:db8::ffff:1:2"].map(|from| enter(&places, from)).into();
    let early = enter(&places, "2001:db8::3");
    assert!(leaving(&of_one_network).is_empty(), "their requests may be on their way");
    drop(early);
    tokio::time::sleep(IDLE_FOR).await;
    of_one_network.push(enter(&places, "2001:db8::3"));
    assert_eq!(
        of_one_network.iter().map(Connection::has_place).collect::<Vec<_>>(),
        [true, true, false]
    );
    assert_eq!(leaving(&of_one_network), [0], "one of its own gives way");
    let other = enter(&places, "2001:db8:0:1::1");
    assert!(other.has_place());
    let of_the_proxy: Vec<Connection> = (0..5).map(|_| enter(&places, "::ffff:10.0.0.1")).collect();
    assert!(of_the_proxy.iter().all(Connection::has_place));
    assert_eq!(places.connections(), Use { used: 8, limit: 8 });
    drop((of_one_network, other, of_the_proxy));
    assert_eq!((places.connections().used, lock(&places.0.open).connections.len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_longest_idle_connection_of_the_busiest_network_is_closed() {
    let places = Places::new(8, vec![address("10.0.0.1").into()]);
    let tick = async || tokio::time::sleep(Duration::from_millis(1)).await;
    let mut open = Vec::new();
    for from in [
        "10.0.0.1",
        "10.0.0.1",
        "10.0.0.1",
        "192.0.2.1",
        "192.0.2.2",
        "192.0.2.2",
        "192.0.2.3",
        "192.0.2.3",
    ] {
        open.push(enter(&places, from));
        tick().await;
    }
    assert!(open.iter().all(Connection::has_place));
    // Of the two networks with two, the last one's are busy, and one of the other's has just
    // become idle.
    let newcomer = {
        let _busy = (open[6].begin(), open[7].begin());
        drop(open[4].begin());
        tokio::time::sleep(IDLE_FOR).await;
        let newcomer = enter(&places, "192.0.2.9");
        assert!(!newcomer.has_place() && leaving(&open) == [5]);
        newcomer
    };
    tick().await;
    drop(open.remove(5));
    assert!(newcomer.has_place());
    tokio::time::sleep(IDLE_FOR).await;
    // One of the two that are left in one network, then by their time, and the proxy's come
    // last.
    let mut standing = Vec::new();
    let mut ask = || standing.push(enter(&places, "192.0.2.8"));
    ask();
    assert!([vec![5], vec![6]].contains(&leaving(&open)));
    ask();
    assert!(leaving(&open).contains(&3));
    for _ in 0..3 {
        ask();
    }
    assert!(leaving(&open) == [3, 4, 5, 6] && newcomer.leaves.is_cancelled());
    ask();
    assert_eq!(leaving(&open), [0, 3, 4, 5, 6]);
}

#[tokio::test(start_paused = true)]
async fn a_network_with_few_connections_keeps_them_during_a_flood() {
    let places = Places::new(8, Vec::new());
    let early = enter(&places, "192.0.2.1");
    tokio::time::sleep(IDLE_FOR).await;
    let flood: Vec<Connection> =
        (0..7).map(|number| enter(&places, &format!("198.51.100.{}", number / 2))).collect();
    let newcomer = enter(&places, "192.0.2.2");
    assert!(!early.leaves.is_cancelled() && leaving(&flood).is_empty());
    tokio::time::sleep(IDLE_FOR).await;
    newcomer.make_room();
    assert!(!early.leaves.is_cancelled() && leaving(&flood) == [0]);
}

#[tokio::test(start_paused = true)]
async fn beyond_the_last_place_a_few_connections_wait_and_the_oldest_is_closed() {
    let places = Places::new(4, Vec::new());
    let mut seated: Vec<Connection> =
        (0..4).map(|number| enter(&places, &format!("192.0.2.{number}"))).collect();
    let set_idle = |seated: &[Connection], since| {
        for connection in seated {
            connection.set_idle_since(since);
        }
    };
    set_idle(&seated, None);
    let standing: Vec<Connection> = (0..2 * MAX_WITHOUT_PLACE)
        .map(|number| enter(&places, &format!("198.51.100.{number}")))
        .collect();
    assert!(standing.iter().all(|connection| !connection.has_place() && connection.is_short));
    assert_eq!(leaving(&standing).len(), MAX_WITHOUT_PLACE);
    assert!(leaving(&seated).is_empty() && places.enter(address("203.0.113.1")).is_none());
    assert_eq!(places.connections(), Use { used: 4, limit: 4 });
    // One that is asked to leave waits for nothing, the others for a place that becomes idle.
    assert!(!standing[0].gets_place().await);
    let free = async {
        tokio::task::yield_now().await;
        assert!(leaving(&seated).is_empty());
        set_idle(&seated, Some(Instant::now()));
        tokio::time::sleep(2 * IDLE_FOR).await;
        let left = leaving(&seated);
        assert!(!left.is_empty(), "what is idle gives way");
        drop(seated.remove(left[0]));
    };
    let (gets_place, ()) = tokio::join!(standing[63].gets_place(), free);
    assert!(gets_place);
    // In vain: nobody else leaves.
    assert!(!standing[62].gets_place().await);
}

#[test]
fn half_of_the_places_may_wait_and_one_caller_cannot_take_them_all() {
    let places = Places::new(1_024, Vec::new());
    let wait = |caller: &str, times: usize| {
        (0..times).map_while(|_| places.wait(&caller.into())).collect::<Vec<_>>()
    };
    let one = wait("one", 2_000);
    assert_eq!(one.len(), 410);
    let other = wait("other", 2_000);
    assert_eq!((other.len(), places.waiting()), (82, Use { used: 492, limit: 512 }));
    assert!(places.wait(&"one".into()).is_none() && places.wait(&"third".into()).is_some());
    drop((one, other));
    assert!(places.waiting().used == 0 && lock(&places.0.waiting).by_caller.is_empty());
}
