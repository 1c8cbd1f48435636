//! Stands in for the crate anyhow, of which http-types needs an error in a box.
//!
//! The real one takes a backtrace with each error and prints it with `{:?}`, as every `unwrap` in
//! http-types would. That alone brings 200 KB that read debug information, in a binary that has none. This
//! one has what http-types calls, with the same meaning, and no backtraces. Only this workspace's own
//! builds use it: it is not published.

#![forbid(unsafe_code)]

use std::any::Any;
use std::error::Error as StdError;
use std::fmt::{self, Debug, Display};

/// Any error, or a message in place of one.
pub struct Error(Box<dyn Content>);

impl Error {
    /// An error that says `message`.
    pub fn msg<M: Display + Debug + Send + Sync + 'static>(message: M) -> Self {
        Self(Box::new(Message(message)))
    }

    /// What was put in, if it is a `T`.
    ///
    /// # Errors
    /// It is something else, which is handed back.
    pub fn downcast<T: Display + Debug + Send + Sync + 'static>(self) -> Result<T, Self> {
        if self.downcast_ref::<T>().is_none() {
            return Err(self);
        }
        let content: Box<dyn Any> = self.0;
        match content.downcast() {
            Ok(error) => Ok(*error),
            Err(content) => match content.downcast::<Message<T>>() {
                Ok(message) => Ok(message.0),
                Err(_) => Err(Self::msg("an error has changed its type")),
            },
        }
    }

    /// What was put in, if it is a `T`.
    #[must_use]
    pub fn downcast_ref<T: Display + Debug + Send + Sync + 'static>(&self) -> Option<&T> {
        let content: &dyn Any = &*self.0;
        content.downcast_ref().or_else(|| content.downcast_ref().map(|Message(message)| message))
    }

    /// What was put in, if it is a `T`.
    pub fn downcast_mut<T: Display + Debug + Send + Sync + 'static>(&mut self) -> Option<&mut T> {
        let content: &mut dyn Any = &mut *self.0;
        if content.is::<T>() {
            return content.downcast_mut();
        }
        content.downcast_mut().map(|Message(message)| message)
    }
}

impl<E: StdError + Send + Sync + 'static> From<E> for Error {
    fn from(error: E) -> Self {
        Self(Box::new(error))
    }
}

impl Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.0, out)
    }
}

/// As it is displayed.
impl Debug for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.0, out)
    }
}

impl AsRef<dyn StdError + Send + Sync> for Error {
    fn as_ref(&self) -> &(dyn StdError + Send + Sync + 'static) {
        &*self.0
    }
}

impl AsRef<dyn StdError> for Error {
    fn as_ref(&self) -> &(dyn StdError + 'static) {
        &*self.0
    }
}

impl From<Error> for Box<dyn StdError + Send + Sync> {
    fn from(error: Error) -> Self {
        error.0
    }
}

/// What can be in the box.
trait Content: StdError + Any + Send + Sync {}

impl<E: StdError + Send + Sync + 'static> Content for E {}

/// A message as an error.
#[derive(Debug)]
struct Message<M>(M);

impl<M: Display> Display for Message<M> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl<M: Display + Debug> StdError for Message<M> {}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn check<T: Display + Debug + PartialEq + Send + Sync + 'static>(mut error: Error, content: &T) {
        assert_eq!(error.to_string(), content.to_string());
        assert_eq!(format!("{error:?}"), content.to_string());
        assert!(error.downcast_ref::<u8>().is_none() && error.downcast_mut::<u8>().is_none());
        let mut error = error.downcast::<u8>().unwrap_err();
        assert_eq!(error.downcast_ref::<T>(), Some(content));
        assert!(error.downcast_mut::<T>().is_some());
        assert_eq!(&error.downcast::<T>().unwrap(), content);
    }

    #[test]
    fn what_is_put_in_comes_out() {
        check(Error::msg("late"), &"late");
        check(Error::msg("late".to_owned()), &"late".to_owned());
        check("x".parse::<u16>().unwrap_err().into(), &"x".parse::<u16>().unwrap_err());
    }

    #[test]
    fn an_error_is_itself_behind_a_reference_and_in_a_box() {
        let error = Error::from(io::Error::from(io::ErrorKind::NotFound));
        let source: &dyn StdError = error.as_ref();
        assert_eq!(source.downcast_ref::<io::Error>().unwrap().kind(), io::ErrorKind::NotFound);
        let boxed: Box<dyn StdError + Send + Sync> = error.into();
        assert!(boxed.is::<io::Error>());
    }
}
