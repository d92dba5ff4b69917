//! The protocol buffers of Foedus and the types generated from them; nothing else.
//!
//! Each package under `proto/` is a module: `foedus.api.v1` is [`api::v1`]. Domain types are
//! elsewhere; whoever receives one of these types turns it into a domain type at once.

#[allow(clippy::all, rustdoc::all, missing_docs)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/packages.rs"));
}

pub use generated::foedus::*;

/// Descriptors of all packages, encoded as `google.protobuf.FileDescriptorSet`, for reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/foedus.bin"));

#[cfg(test)]
mod tests {
    use prost::Message;
    use prost_types::FileDescriptorSet;

    use super::*;

    #[test]
    fn the_descriptors_name_the_services() {
        let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).expect("the build wrote it");
        let services: Vec<&str> = set
            .file
            .iter()
            .filter(|file| file.package() == "foedus.api.v1")
            .flat_map(|file| file.service.iter().map(|service| service.name()))
            .collect();
        assert!(services.contains(&"MessageService"), "{services:?}");
        assert!(services.contains(&"OrganisationService"), "{services:?}");
    }
}
