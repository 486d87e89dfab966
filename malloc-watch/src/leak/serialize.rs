//! A report for other programs.

use serde_core::ser::{Serialize, SerializeStruct as _, Serializer};

use super::report::{Report, Site};
use crate::stack::Frame;
use crate::status::Status;

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let inactive = match self.status() {
            Status::Active => None,
            Status::Inactive(reason) => Some(reason.to_string()),
        };
        let mut report = serializer.serialize_struct("Report", 4)?;
        report.serialize_field("inactive", &inactive)?;
        report.serialize_field("blocks", &self.blocks())?;
        report.serialize_field("bytes", &self.bytes())?;
        report.serialize_field("sites", self.sites())?;
        report.end()
    }
}

impl Serialize for Site {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut site = serializer.serialize_struct("Site", 6)?;
        site.serialize_field("blocks", &self.blocks())?;
        site.serialize_field("bytes", &self.bytes())?;
        site.serialize_field("indirect_blocks", &self.indirect_blocks())?;
        site.serialize_field("owned_blocks", &self.owned_blocks())?;
        site.serialize_field("owned_bytes", &self.owned_bytes())?;
        site.serialize_field("frames", self.frames())?;
        site.end()
    }
}

impl Serialize for Frame {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let file = self.file.as_deref().map(|file| file.to_string_lossy());
        let mut frame = serializer.serialize_struct("Frame", 4)?;
        frame.serialize_field("function", &self.function)?;
        frame.serialize_field("file", &file)?;
        frame.serialize_field("line", &self.line)?;
        frame.serialize_field("object", &self.object)?;
        frame.end()
    }
}
