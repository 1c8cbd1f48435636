//! Networks between private engines: a bridge in the namespace of one, and links from it to others.

use std::ffi::OsStr;
use std::net::Ipv4Addr;
use std::time::Duration;

use super::{EngineError, Network, limited, output};

/// The longest that `ip` may take.
const LIMIT: Duration = Duration::from_secs(10);
/// The bridge, which is also the interface that its own namespace uses.
const BRIDGE: &str = "bridge";
/// The other end of a link.
const PORT: &str = "port";

impl Network {
    /// Makes the bridge here, with an address of its network of 256.
    ///
    /// # Errors
    /// When the kernel or missing privileges prevent it; then with what `ip` said.
    pub fn make_bridge(self, address: Ipv4Addr) -> Result<(), EngineError> {
        self.ip(&["link", "add", BRIDGE, "type", "bridge"])?;
        self.begin_to_use(BRIDGE, address)
    }

    /// Links the bridge that is here with another namespace, which gets the address. The link is
    /// called after the address' last number.
    ///
    /// # Errors
    /// As [`Self::make_bridge`].
    pub fn link(self, other: Self, address: Ipv4Addr) -> Result<(), EngineError> {
        let name = link_name(address);
        let process = other.pid.to_string();
        let add = ["link", "add", &name, "type", "veth", "peer", "name", PORT, "netns", &process];
        self.ip(&add)?;
        self.ip(&["link", "set", &name, "master", BRIDGE, "up"])?;
        other.begin_to_use(PORT, address)
    }

    /// Cuts the link to the namespace with this address, or mends it.
    ///
    /// # Errors
    /// As [`Self::make_bridge`].
    pub fn set_link(self, address: Ipv4Addr, is_up: bool) -> Result<(), EngineError> {
        self.ip(&["link", "set", &link_name(address), if is_up { "up" } else { "down" }])
    }

    fn begin_to_use(self, interface: &str, address: Ipv4Addr) -> Result<(), EngineError> {
        self.ip(&["address", "add", &format!("{address}/24"), "dev", interface])?;
        self.ip(&["link", "set", interface, "up"])
    }

    fn ip<S: AsRef<OsStr>>(self, arguments: &[S]) -> Result<(), EngineError> {
        let mut nsenter = limited(LIMIT, "nsenter");
        nsenter.arg(format!("--net=/proc/{}/ns/net", self.pid)).args(["--", "ip"]).args(arguments);
        output(&mut nsenter).map(drop)
    }
}

fn link_name(address: Ipv4Addr) -> String {
    let [.., last] = address.octets();
    format!("link{last}")
}
