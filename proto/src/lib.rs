//! The protocol buffers of Foedus and the types generated from them; nothing else.
