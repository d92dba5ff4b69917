//! Where an example runs: at which organisation, as whom, and how it is called.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::demo::load::Load;
use crate::demo::processes::Processes;
use crate::demo::screen::Said;
use crate::demo::stage::{Ran, Side, Stage, free_port};
use crate::demo::teller::json;

/// An example, and where it runs.
pub struct Place<'a> {
    /// In which language it is written.
    pub language: &'static str,
    /// The organisation.
    pub side: &'a Side,
    /// What the channel is called there.
    pub channel: &'static str,
    member: &'static str,
    name: &'static str,
    command: [PathBuf; 2],
    server: String,
    certificate: Option<PathBuf>,
    token: String,
    reading: String,
}

/// Who is where, in which language.
pub struct Plan<'a> {
    /// In which language the example is written.
    pub language: &'static str,
    /// The organisation.
    pub side: &'a Side,
    /// What the channel is called there.
    pub channel: &'static str,
    /// Who gives the tokens.
    pub administrator: &'static str,
    /// As whom the example runs: the name in an address.
    pub member: &'static str,
    /// The name to show.
    pub name: &'static str,
    /// The program that runs the example, and the example.
    pub command: [PathBuf; 2],
}

/// A certificate of a daemon for `localhost`, and its key.
pub struct Certificate {
    /// The certificate, which signs itself.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl<'a> Place<'a> {
    /// Has the daemon serve its API over TCP, and gives the member its tokens.
    pub fn open(stage: &Stage, plan: Plan<'a>, tls: Option<Certificate>) -> anyhow::Result<Self> {
        let listen = free_port()?;
        let mut lines = format!("listen = \"{listen}\"\n");
        let scheme = if let Some(Certificate { certificate, key }) = &tls {
            lines += &format!("tls_certificate = {certificate:?}\ntls_key = {key:?}\n");
            "https"
        } else {
            "http"
        };
        stage.restart_with(plan.side, &lines)?;
        let token = |more: &[&str]| {
            let create = ["--as", plan.administrator, "token", "create"];
            let wanted = ["--for", plan.member, "--label", plan.language];
            let made = json(plan.side, &[&create[..], &wanted, more].concat())?;
            let secret = made["secret"].as_str().map(str::to_owned);
            secret.with_context(|| format!("no secret in {made}"))
        };
        Ok(Self {
            language: plan.language,
            side: plan.side,
            channel: plan.channel,
            member: plan.member,
            name: plan.name,
            command: plan.command,
            server: format!("{scheme}://localhost:{}", listen.port()),
            certificate: tls.map(|tls| tls.certificate),
            token: token(&[])?,
            reading: token(&["--scope", "read"])?,
        })
    }

    /// What a reader at `reader` prints before each of its messages.
    pub fn author(&self, reader: &Side) -> String {
        let handle = self.side.handle;
        let external = match reader.handle == handle {
            true => "",
            false => ", external",
        };
        let Self { name, member, .. } = self;
        format!("[{handle}{external}] {name} <{member}@{handle}>")
    }

    /// The example with these arguments, by a token that may read and write.
    pub fn example(&self, arguments: &[&str]) -> Command {
        self.by_token(&self.token, arguments)
    }

    /// The same by a token that may only read.
    pub fn example_that_reads(&self, arguments: &[&str]) -> Command {
        self.by_token(&self.reading, arguments)
    }

    fn by_token(&self, token: &str, arguments: &[&str]) -> Command {
        let [program, example] = &self.command;
        let mut command = self.side.command(program);
        command.arg(example);
        if let Some(certificate) = &self.certificate {
            command.arg("--ca").arg(certificate);
        }
        command
            .args(arguments)
            .env("FOEDUS_SERVER", &self.server)
            .env("FOEDUS_TOKEN", token);
        command
    }

    /// Begins to post texts that begin with `prefix`.
    pub fn load(&self, processes: &Processes, prefix: &str) -> anyhow::Result<Load> {
        let post = ["post", self.channel];
        let name = format!("{} that posts", self.language);
        let typed = self.typed(&post);
        Load::of(processes, &name, self.example(&post), typed, prefix)
    }

    /// Runs an example to its end, with these lines to read.
    pub fn run(
        &self,
        mut command: Command,
        arguments: &[&str],
        lines: &str,
    ) -> anyhow::Result<Ran> {
        let file = self.side.place("lines.txt");
        fs::write(&file, lines)?;
        let output = command.stdin(File::open(&file)?).output();
        let output = output.with_context(|| format!("{} can't be run", self.language))?;
        let text = [output.stdout.as_slice(), &output.stderr].concat();
        Ok(Ran {
            said: Said {
                command: self.typed(arguments),
                output: String::from_utf8_lossy(&text).into_owned(),
            },
            exit: output.status.code().unwrap_or(-1),
        })
    }

    fn typed(&self, arguments: &[&str]) -> String {
        let [program, example] = &self.command;
        let names = [program, example].map(|path: &PathBuf| name_of(path));
        format!("{} {}", names.join(" "), arguments.join(" "))
    }
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
