//! What a layer calls later: the service that it was told is ready.

/// Takes the service that was made ready, to be called when something else is done first. A clone stays behind, which is
/// made ready for the next call.
pub(crate) fn take_ready<S: Clone>(service: &mut S) -> S {
    let clone = service.clone();
    std::mem::replace(service, clone)
}
