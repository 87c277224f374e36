//! Where requests may go whose target somebody has written over HTTP: only where the operator lets them.

use std::net::SocketAddr;

use crate::policy::Networks;

/// Leaves out what is forbidden.
pub(super) fn allowed(networks: &Networks, mut found: Vec<SocketAddr>) -> Vec<SocketAddr> {
    found.retain(|address| networks.allow(address.ip()));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_a_name_leads_to_only_what_is_allowed_is_tried() {
        let addresses =
            |texts: &[&str]| -> Vec<SocketAddr> { texts.iter().map(|text| text.parse().unwrap()).collect() };
        let lab = Networks::new(vec!["10.0.0.0/8".parse().unwrap()]);
        let all = [
            "1.1.1.1:443",
            "10.0.0.1:443",
            "[::1]:443",
            "[::ffff:169.254.169.254]:443",
        ];
        let table: [(&[&str], &[&str], &str); 4] = [
            (&all, &all[..2], "a mixed answer"),
            (&all[1..2], &all[1..2], "what the operator allows"),
            (&all[2..], &[], "nothing but this machine and its cloud"),
            (&[], &[], "nothing at all"),
        ];
        for (found, right, why) in table {
            assert_eq!(allowed(&lab, addresses(found)), addresses(right), "{why}");
        }
    }
}
