package httpx

import (
	"net/netip"
	"slices"
)

// closed lists what no outside URL may lead to: this machine, the networks around it, and what is nobody's address
// (IANA special-purpose registries, RFC 6890 and its updates). Kinds of address that netip knows by itself are not listed.
var closed = prefixes(
	"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
	"203.0.113.0/24", "240.0.0.0/4",
	"::/96", "100::/64", "2001::/23", "2001:db8::/32", "3fff::/20", "5f00::/16", "fec0::/10",
)

// wrapping lists the prefixes of IPv6 addresses that hold an IPv4 address, and where in them it begins: a gateway on the
// way may unwrap it (NAT64, RFC 6052 and 8215; 6to4, RFC 3056).
var wrapping = []struct {
	netip.Prefix

	at int
}{
	{netip.MustParsePrefix("64:ff9b::/96"), 12}, {netip.MustParsePrefix("64:ff9b:1::/48"), 12}, {netip.MustParsePrefix("2002::/16"), 2},
}

// metadata are the addresses at which clouds tell a machine its own credentials.
var metadata = []netip.Addr{netip.MustParseAddr("169.254.169.254"), netip.MustParseAddr("169.254.170.2"), netip.MustParseAddr("100.100.100.200"), netip.MustParseAddr("fd00:ec2::254")}

func prefixes(all ...string) (out []netip.Prefix) {
	for _, s := range all {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

// side is on which side of the line an address lies.
type side int

const (
	refused side = iota
	public       // the internet
	inside       // a network that the operator has opened
)

// sideOf says on which side of the line an address lies. open are the networks that the operator has opened; one that holds
// more than an address does not open the addresses of metadata.
func sideOf(a netip.Addr, open []netip.Prefix) side {
	a = a.WithZone("").Unmap()
	for _, w := range wrapping {
		if w.Contains(a) {
			b := a.As16()
			a = netip.AddrFrom4([4]byte(b[w.at : w.at+4]))
		}
	}
	for _, p := range open {
		if p.Contains(a) && (p.IsSingleIP() || !slices.Contains(metadata, a)) {
			return inside
		}
	}
	special := a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified() || !a.IsValid()
	for _, p := range closed {
		special = special || p.Contains(a)
	}
	if special {
		return refused
	}
	return public
}
