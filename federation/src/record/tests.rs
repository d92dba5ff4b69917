use super::*;

#[test]
fn endpoint_addresses_have_one_form() {
    for (good, host) in [
        ("foedus.acme.example:7447", "foedus.acme.example"),
        ("localhost:1", "localhost"),
        ("192.0.2.1:65535", "192.0.2.1"),
        ("[2001:db8::1]:7447", "2001:db8::1"),
    ] {
        let address: EndpointAddress = good.parse().expect(good);
        assert_eq!((address.as_str(), address.host()), (good, host));
    }
    for bad in [
        "",
        ":1",
        "a",
        "a:",
        "a:0",
        "a:01",
        "a:65536",
        "a:+1",
        "A:1",
        "a b:1",
        "user@a:1",
        "http://a:1",
        "a/b:1",
        "192.0.2.256:1",
        "192.0.2:1",
        "0x7f.1:1",
        "192.0.2.01:1",
        "2001:db8::1:7447",
        "[2001:DB8::1]:1",
        "[2001:db8:0::1]:1",
        "[fe80::1%eth0]:1",
        "[192.0.2.1]:1",
        "[]:1",
    ] {
        assert_eq!(
            bad.parse::<EndpointAddress>(),
            Err(InvalidEndpointAddress),
            "{bad}"
        );
    }
}

#[test]
fn versions_meet_at_the_highest_that_both_speak() {
    let versions = |min, max| Versions { min, max };
    assert_eq!(versions(1, 1).common(versions(1, 1)), Some(1));
    assert_eq!(versions(1, 3).common(versions(2, 9)), Some(3));
    assert_eq!(versions(1, 1).common(versions(2, 2)), None);
    for bad in ["", "1", "1-", "0-1", "2-1", "1-1-1", "01-1", "1 - 1"] {
        assert_eq!(Versions::read(bad), None, "{bad}");
    }
}

#[test]
fn addresses_are_bounded_and_serials_begin_at_one() {
    let mut endpoints = crate::examples::endpoints(crate::examples::ACME);
    endpoints.serial = 0;
    let serial = Err(InvalidText::Value {
        name: "serial",
        expected: "a serial from 1",
    });
    assert_eq!(Endpoints::parse(&endpoints.to_text()), serial);
    endpoints.serial = 1;
    endpoints.addresses = (1..=9)
        .map(|port| format!("a:{port}").parse().expect("an address"))
        .collect();
    let expected = Err(InvalidText::TooMany {
        name: "address",
        count_max: 8,
    });
    assert_eq!(Endpoints::parse(&endpoints.to_text()), expected);
    endpoints.addresses.clear();
    assert_eq!(Endpoints::parse(&endpoints.to_text()), Ok(endpoints));
}
