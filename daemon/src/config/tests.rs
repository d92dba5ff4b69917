//! Files that are right, and files that are wrong in many places at once.

use super::*;

fn paths() -> Paths {
    Paths {
        config_home: None,
        data_home: Some("/home/anna/.local/share".into()),
        runtime: Some("/run/user/1000".into()),
    }
}

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, None, &Overrides::default(), &paths())
}

fn faults(text: &str) -> Vec<String> {
    match parse(text) {
        Err(ConfigError::Faults { faults, .. }) => faults.iter().map(ToString::to_string).collect(),
        other => panic!("expected faults, found {other:?}"),
    }
}

#[test]
fn the_default_file_says_what_holds_without_it() {
    let written = parse(DEFAULT_FILE).expect("it is right");
    let empty = parse("").expect("it is right");
    assert_eq!(format!("{written:?}"), format!("{empty:?}"));
    assert_eq!(empty.data, PathBuf::from("/home/anna/.local/share/foedus"));
    assert_eq!(
        empty.api.socket,
        PathBuf::from("/run/user/1000/foedus/admin.sock")
    );
    assert_eq!(empty.link.listen, "0.0.0.0:7433".parse().ok());
    assert_eq!(empty.metrics, None);
}

#[test]
fn the_default_file_names_every_key() {
    let unknown = "zz = 1\n[store]\nzz = 1\n[link]\nzz = 1\n[api]\nzz = 1\n[metrics]\nzz = 1\n[log]\nzz = 1\n\
                   [drain]\nzz = 1\n";
    let found = faults(unknown);
    assert_eq!(found.len(), 7);
    for fault in found {
        let (section, known) = fault
            .split_once("zz: there is no such key; known here: ")
            .expect("unknown");
        for key in known.split(", ") {
            let is_named = DEFAULT_FILE.lines().any(|line| {
                let line = line.trim_start_matches("# ");
                line.starts_with(&format!("{key} = ")) || line == format!("[{key}]")
            });
            assert!(is_named, "{section}{key} is missing in the default file");
        }
    }
}

#[test]
fn all_faults_are_reported_together_with_their_keys() {
    let found = faults(
        "data = 7\ncolour = \"red\"\n[store]\nengine = \"postgres\"\ncache_bytes = -1\n[link]\n\
         listen = \"everywhere\"\nadvertise = [\"acme.example\", 5]\n[api]\nlisten = \"0.0.0.0:7434\"\n\
         tls_key = \"/key\"\n[drain]\ngrace_seconds = \"long\"\n",
    );
    let keys: Vec<&str> = found
        .iter()
        .filter_map(|fault| fault.split(": ").next())
        .collect();
    assert_eq!(
        keys,
        [
            "data",
            "store.engine",
            "store.cache_bytes",
            "link.listen",
            "link.advertise",
            "link.advertise",
            "api.tls_key",
            "api.tls_certificate",
            "drain.grace_seconds",
            "colour",
        ]
    );
    assert!(found[1].contains("sled, fjall"), "{}", found[1]);
    assert!(found[3].contains("such as 0.0.0.0:7433"), "{}", found[3]);
    assert!(found[6].contains("/key can't be read"), "{}", found[6]);
}

#[test]
fn what_is_no_toml_says_where() {
    let error = parse("[store\n").expect_err("no TOML");
    let ConfigError::Syntax { source, .. } = &error else {
        panic!("expected a fault of syntax, found {error:?}");
    };
    assert!(source.to_string().contains("line 1"), "{source}");
}

#[test]
fn a_folder_of_ones_own_has_a_socket_of_its_own() {
    let config = parse("data = \"/srv/globex\"\n").expect("it is right");
    assert_eq!(config.api.socket, PathBuf::from("/srv/globex/admin.sock"));
    let overrides = Overrides {
        file: None,
        data: Some("/srv/acme".into()),
    };
    let config = Config::parse("data = \"/srv/globex\"\n", None, &overrides, &paths());
    let config = config.expect("it is right");
    assert_eq!(config.data, PathBuf::from("/srv/acme"));
    assert_eq!(config.api.socket, PathBuf::from("/srv/acme/admin.sock"));
}

#[test]
fn the_network_needs_tls_and_loopback_does_not() {
    assert!(parse("[api]\nlisten = \"127.0.0.1:7434\"\n").is_ok());
    assert!(parse("[api]\nlisten = \"[::1]:7434\"\n").is_ok());
    assert_eq!(faults("[api]\nlisten = \"192.0.2.1:7434\"\n").len(), 1);
    let files = tempfile::tempdir().expect("temporary files can be made");
    let [certificate, key] = ["c", "k"].map(|name| files.path().join(name));
    std::fs::write(&certificate, "").expect("written");
    let with_tls = format!(
        "[api]\nlisten = \"192.0.2.1:7434\"\ntls_certificate = {certificate:?}\ntls_key = {key:?}\n"
    );
    // Both files are looked at together with everything else.
    let wrong = format!("{with_tls}sokcet = \"/s\"\n");
    let found = faults(&wrong);
    assert_eq!(found.len(), 2, "{found:?}");
    std::fs::write(&key, "").expect("written");
    let tcp = parse(&with_tls).expect("it is right").api.tcp;
    assert!(tcp.is_some_and(|tcp| tcp.tls.is_some()));
}

#[test]
fn without_a_home_a_folder_must_be_given() {
    let found = Config::parse("", None, &Overrides::default(), &Paths::default());
    assert!(
        found
            .expect_err("no folder")
            .to_string()
            .contains("data: is needed")
    );
}

#[test]
fn a_file_that_is_named_must_be_there() {
    let overrides = Overrides {
        file: Some("/nowhere/foedusd.toml".into()),
        data: None,
    };
    assert!(matches!(
        Config::load(&overrides, &paths()),
        Err(ConfigError::Unreadable { .. })
    ));
}

#[test]
fn the_socket_is_where_xdg_says() {
    let path = |text: &str| Some(std::path::PathBuf::from(text));
    let paths = |runtime, data_home| Paths {
        config_home: None,
        data_home,
        runtime,
    };
    let socket = |runtime, data_home| paths(runtime, data_home).socket();
    assert_eq!(
        socket(path("/run/user/1"), path("/h/.local/share")),
        path("/run/user/1/foedus/admin.sock")
    );
    assert_eq!(socket(None, path("/d")), path("/d/foedus/admin.sock"));
    assert_eq!(socket(None, None), None);
}
