//! The network between two places: how long packets take, and what becomes of lost ones.

use super::World;
use crate::estate::places::HOSTS;
use crate::estate::services::Pod;

/// First wait before a lost packet is sent again, in nanoseconds; it doubles.
const RESEND: u64 = 200_000_000;
const RESENDS_MAX: u32 = 6;
/// Packets of one request or answer that must all arrive.
const PACKETS: u32 = 2;

/// One way over the network.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    /// Arrives after so many nanoseconds.
    Takes(u64),
    /// Never arrives.
    Lost,
}

impl World {
    /// The way between two pods, in one direction.
    pub(crate) fn way(&mut self, from: Pod, to: Pod) -> Way {
        let usual = self.around(180_000.0, 0.4) as u64;
        let pair = (from.service.id, to.service.id);
        let delays = self.delays.iter().find(|(a, b, _)| (*a, *b) == pair || (*b, *a) == pair).map_or(0, |d| d.2);
        let delay = if delays == 0 { 0 } else { self.around(delays as f64, 0.1) as u64 };
        let (near, far) = (&HOSTS[from.host()], &HOSTS[to.host()]);
        for host in [from.host(), to.host()] {
            self.hosts[host].bytes += 2_400.0;
        }
        // What stays at a site does not go through its switch to the world.
        let devices = [near.behind, far.behind];
        let crossed = if near.site == far.site { None } else { devices.into_iter().flatten().next() };
        match crossed {
            None => Way::Takes(usual + delay),
            Some(device) => self.through(device, usual * 20 + delay),
        }
    }

    /// Through a device that may lose packets: each is sent again, later and later.
    pub(crate) fn through(&mut self, device: usize, usual: u64) -> Way {
        let mut takes = usual;
        for _ in 0..PACKETS {
            let mut resends = 0;
            self.devices[device].packets += 1;
            let loses = self.devices[device].loses;
            while self.one_in(loses) {
                self.devices[device].lost += 1;
                resends += 1;
                if resends > RESENDS_MAX {
                    return Way::Lost;
                }
                takes += RESEND << (resends - 1);
            }
        }
        if self.devices[device].offline { Way::Lost } else { Way::Takes(takes) }
    }
}
