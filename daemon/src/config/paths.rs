//! Where things are if nothing is said: by the XDG base directory specification, without root.

use std::path::PathBuf;

/// The folders of the environment. Relative ones are ignored, as XDG demands.
#[derive(Debug, Clone, Default)]
pub struct Paths {
    /// `XDG_CONFIG_HOME`, or `.config` at home.
    pub config_home: Option<PathBuf>,
    /// `XDG_DATA_HOME`, or `.local/share` at home.
    pub data_home: Option<PathBuf>,
    /// `XDG_RUNTIME_DIR`.
    pub runtime: Option<PathBuf>,
}

impl Paths {
    /// From the process's environment.
    #[must_use]
    pub fn of_environment() -> Self {
        let absolute = |name| {
            std::env::var_os(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        let home = absolute("HOME");
        let at_home = |folder: &str| home.as_ref().map(|home| home.join(folder));
        Self {
            config_home: absolute("XDG_CONFIG_HOME").or_else(|| at_home(".config")),
            data_home: absolute("XDG_DATA_HOME").or_else(|| at_home(".local/share")),
            runtime: absolute("XDG_RUNTIME_DIR"),
        }
    }

    /// The configuration file.
    #[must_use]
    pub fn config_file(&self) -> Option<PathBuf> {
        self.config_home
            .as_ref()
            .map(|home| home.join("foedus/foedusd.toml"))
    }

    /// The data folder.
    #[must_use]
    pub fn data(&self) -> Option<PathBuf> {
        self.data_home.as_ref().map(|home| home.join("foedus"))
    }

    /// The administration socket, where `foedus` looks for it, too.
    #[must_use]
    pub fn socket(&self) -> Option<PathBuf> {
        let folder = self.runtime.as_ref().or(self.data_home.as_ref())?;
        Some(folder.join("foedus/admin.sock"))
    }
}
