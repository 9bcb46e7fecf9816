//! What is written for the enums of the tests, and nothing else; a test writes it anew where it differs.

#[derive(::serde::Serialize, Debug)]
#[serde(untagged)]
pub enum NumberOrString {
    Integer(i64),
    String(::std::string::String),
}
impl<'de> ::serde::Deserialize<'de> for NumberOrString {
    fn deserialize<D: ::serde::Deserializer<'de>>(
        deserializer: D,
    ) -> ::std::result::Result<Self, D::Error> {
        struct __Visitor;
        impl<'de> ::serde::de::Visitor<'de> for __Visitor {
            type Value = ::std::option::Option<NumberOrString>;
            fn expecting(
                &self,
                f: &mut ::std::fmt::Formatter<'_>,
            ) -> ::std::fmt::Result {
                f.write_str("a scalar")
            }
            fn visit_bool<E>(self, _: bool) -> ::std::result::Result<Self::Value, E> {
                Ok(::std::option::Option::None)
            }
            fn visit_i64<E>(self, value: i64) -> ::std::result::Result<Self::Value, E> {
                Ok(::std::option::Option::Some(NumberOrString::Integer(value)))
            }
            fn visit_u64<E>(self, value: u64) -> ::std::result::Result<Self::Value, E> {
                if let Ok(fitting) = i64::try_from(value) {
                    return Ok(
                        ::std::option::Option::Some(NumberOrString::Integer(fitting)),
                    );
                }
                Ok(::std::option::Option::None)
            }
            fn visit_f64<E>(self, _: f64) -> ::std::result::Result<Self::Value, E> {
                Ok(::std::option::Option::None)
            }
            fn visit_str<E>(self, value: &str) -> ::std::result::Result<Self::Value, E> {
                Ok(::std::option::Option::Some(NumberOrString::String(value.to_owned())))
            }
            fn visit_string<E>(
                self,
                value: ::std::string::String,
            ) -> ::std::result::Result<Self::Value, E> {
                Ok(::std::option::Option::Some(NumberOrString::String(value)))
            }
            fn visit_unit<E>(self) -> ::std::result::Result<Self::Value, E> {
                Ok(::std::option::Option::None)
            }
            fn visit_seq<A: ::serde::de::SeqAccess<'de>>(
                self,
                mut items: A,
            ) -> ::std::result::Result<Self::Value, A::Error> {
                while items.next_element::<::serde::de::IgnoredAny>()?.is_some() {}
                Ok(::std::option::Option::None)
            }
            fn visit_map<A: ::serde::de::MapAccess<'de>>(
                self,
                mut members: A,
            ) -> ::std::result::Result<Self::Value, A::Error> {
                while members
                    .next_entry::<::serde::de::IgnoredAny, ::serde::de::IgnoredAny>()?
                    .is_some()
                {}
                Ok(::std::option::Option::None)
            }
        }
        deserializer
            .deserialize_any(__Visitor)?
            .ok_or_else(|| ::serde::de::Error::custom(
                "data did not match any variant of untagged enum NumberOrString",
            ))
    }
}
#[derive(::serde::Serialize, Debug)]
#[serde(untagged)]
pub enum StringOrNumber {
    String(::std::string::String),
    Number(f64),
    Integer(i64),
}
impl<'de> ::serde::Deserialize<'de> for StringOrNumber {
    fn deserialize<D: ::serde::Deserializer<'de>>(
        deserializer: D,
    ) -> ::std::result::Result<Self, D::Error> {
        struct __Visitor;
        impl<'de> ::serde::de::Visitor<'de> for __Visitor {
            type Value = ::std::option::Option<StringOrNumber>;
            fn expecting(
                &self,
                f: &mut ::std::fmt::Formatter<'_>,
            ) -> ::std::fmt::Result {
                f.write_str("a scalar")
            }
            fn visit_bool<E>(self, _: bool) -> ::std::result::Result<Self::Value, E> {
                Ok(::std::option::Option::None)
            }
            fn visit_i64<E>(self, value: i64) -> ::std::result::Result<Self::Value, E> {
                Ok(::std::option::Option::Some(StringOrNumber::Number(value as f64)))
            }
            fn visit_u64<E>(self, value: u64) -> ::std::result::Result<Self::Value, E> {
                Ok(::std::option::Option::Some(StringOrNumber::Number(value as f64)))
            }
            fn visit_f64<E>(self, value: f64) -> ::std::result::Result<Self::Value, E> {
                Ok(::std::option::Option::Some(StringOrNumber::Number(value)))
            }
            fn visit_str<E>(self, value: &str) -> ::std::result::Result<Self::Value, E> {
                Ok(::std::option::Option::Some(StringOrNumber::String(value.to_owned())))
            }
            fn visit_string<E>(
                self,
                value: ::std::string::String,
            ) -> ::std::result::Result<Self::Value, E> {
                Ok(::std::option::Option::Some(StringOrNumber::String(value)))
            }
            fn visit_unit<E>(self) -> ::std::result::Result<Self::Value, E> {
                Ok(::std::option::Option::None)
            }
            fn visit_seq<A: ::serde::de::SeqAccess<'de>>(
                self,
                mut items: A,
            ) -> ::std::result::Result<Self::Value, A::Error> {
                while items.next_element::<::serde::de::IgnoredAny>()?.is_some() {}
                Ok(::std::option::Option::None)
            }
            fn visit_map<A: ::serde::de::MapAccess<'de>>(
                self,
                mut members: A,
            ) -> ::std::result::Result<Self::Value, A::Error> {
                while members
                    .next_entry::<::serde::de::IgnoredAny, ::serde::de::IgnoredAny>()?
                    .is_some()
                {}
                Ok(::std::option::Option::None)
            }
        }
        deserializer
            .deserialize_any(__Visitor)?
            .ok_or_else(|| ::serde::de::Error::custom(
                "data did not match any variant of untagged enum StringOrNumber",
            ))
    }
}
#[derive(::serde::Serialize, Debug)]
#[serde(untagged)]
pub enum Narrow {
    Small(u8),
    Signed(i16),
    Flag(bool),
    Large(u64),
    Float(f32),
}
impl<'de> ::serde::Deserialize<'de> for Narrow {
    fn deserialize<D: ::serde::Deserializer<'de>>(
        deserializer: D,
    ) -> ::std::result::Result<Self, D::Error> {
        struct __Visitor;
        impl<'de> ::serde::de::Visitor<'de> for __Visitor {
            type Value = ::std::option::Option<Narrow>;
            fn expecting(
                &self,
                f: &mut ::std::fmt::Formatter<'_>,
            ) -> ::std::fmt::Result {
                f.write_str("a scalar")
            }
            fn visit_bool<E>(
                self,
                value: bool,
            ) -> ::std::result::Result<Self::Value, E> {
                Ok(::std::option::Option::Some(Narrow::Flag(value)))
            }
            fn visit_i64<E>(self, value: i64) -> ::std::result::Result<Self::Value, E> {
                if let Ok(fitting) = u8::try_from(value) {
                    return Ok(::std::option::Option::Some(Narrow::Small(fitting)));
                }
                if let Ok(fitting) = i16::try_from(value) {
                    return Ok(::std::option::Option::Some(Narrow::Signed(fitting)));
                }
                if let Ok(fitting) = u64::try_from(value) {
                    return Ok(::std::option::Option::Some(Narrow::Large(fitting)));
                }
                Ok(::std::option::Option::Some(Narrow::Float(value as f32)))
            }
            fn visit_u64<E>(self, value: u64) -> ::std::result::Result<Self::Value, E> {
                if let Ok(fitting) = u8::try_from(value) {
                    return Ok(::std::option::Option::Some(Narrow::Small(fitting)));
                }
                if let Ok(fitting) = i16::try_from(value) {
                    return Ok(::std::option::Option::Some(Narrow::Signed(fitting)));
                }
                Ok(::std::option::Option::Some(Narrow::Large(value)))
            }
            fn visit_f64<E>(self, value: f64) -> ::std::result::Result<Self::Value, E> {
                Ok(::std::option::Option::Some(Narrow::Float(value as f32)))
            }
            fn visit_str<E>(self, _: &str) -> ::std::result::Result<Self::Value, E> {
                Ok(::std::option::Option::None)
            }
            fn visit_string<E>(
                self,
                _: ::std::string::String,
            ) -> ::std::result::Result<Self::Value, E> {
                Ok(::std::option::Option::None)
            }
            fn visit_unit<E>(self) -> ::std::result::Result<Self::Value, E> {
                Ok(::std::option::Option::None)
            }
            fn visit_seq<A: ::serde::de::SeqAccess<'de>>(
                self,
                mut items: A,
            ) -> ::std::result::Result<Self::Value, A::Error> {
                while items.next_element::<::serde::de::IgnoredAny>()?.is_some() {}
                Ok(::std::option::Option::None)
            }
            fn visit_map<A: ::serde::de::MapAccess<'de>>(
                self,
                mut members: A,
            ) -> ::std::result::Result<Self::Value, A::Error> {
                while members
                    .next_entry::<::serde::de::IgnoredAny, ::serde::de::IgnoredAny>()?
                    .is_some()
                {}
                Ok(::std::option::Option::None)
            }
        }
        deserializer
            .deserialize_any(__Visitor)?
            .ok_or_else(|| ::serde::de::Error::custom(
                "data did not match any variant of untagged enum Narrow",
            ))
    }
}
#[derive(::serde::Serialize, Debug)]
#[serde(untagged)]
pub enum Flag {
    Flag(bool),
}
impl<'de> ::serde::Deserialize<'de> for Flag {
    fn deserialize<D: ::serde::Deserializer<'de>>(
        deserializer: D,
    ) -> ::std::result::Result<Self, D::Error> {
        struct __Visitor;
        impl<'de> ::serde::de::Visitor<'de> for __Visitor {
            type Value = ::std::option::Option<Flag>;
            fn expecting(
                &self,
                f: &mut ::std::fmt::Formatter<'_>,
            ) -> ::std::fmt::Result {
                f.write_str("a scalar")
            }
            fn visit_bool<E>(
                self,
                value: bool,
            ) -> ::std::result::Result<Self::Value, E> {
                Ok(::std::option::Option::Some(Flag::Flag(value)))
            }
            fn visit_i64<E>(self, _: i64) -> ::std::result::Result<Self::Value, E> {
                Ok(::std::option::Option::None)
            }
            fn visit_u64<E>(self, _: u64) -> ::std::result::Result<Self::Value, E> {
                Ok(::std::option::Option::None)
            }
            fn visit_f64<E>(self, _: f64) -> ::std::result::Result<Self::Value, E> {
                Ok(::std::option::Option::None)
            }
            fn visit_str<E>(self, _: &str) -> ::std::result::Result<Self::Value, E> {
                Ok(::std::option::Option::None)
            }
            fn visit_string<E>(
                self,
                _: ::std::string::String,
            ) -> ::std::result::Result<Self::Value, E> {
                Ok(::std::option::Option::None)
            }
            fn visit_unit<E>(self) -> ::std::result::Result<Self::Value, E> {
                Ok(::std::option::Option::None)
            }
            fn visit_seq<A: ::serde::de::SeqAccess<'de>>(
                self,
                mut items: A,
            ) -> ::std::result::Result<Self::Value, A::Error> {
                while items.next_element::<::serde::de::IgnoredAny>()?.is_some() {}
                Ok(::std::option::Option::None)
            }
            fn visit_map<A: ::serde::de::MapAccess<'de>>(
                self,
                mut members: A,
            ) -> ::std::result::Result<Self::Value, A::Error> {
                while members
                    .next_entry::<::serde::de::IgnoredAny, ::serde::de::IgnoredAny>()?
                    .is_some()
                {}
                Ok(::std::option::Option::None)
            }
        }
        deserializer
            .deserialize_any(__Visitor)?
            .ok_or_else(|| ::serde::de::Error::custom(
                "data did not match any variant of untagged enum Flag",
            ))
    }
}
#[derive(::serde::Serialize, Debug)]
#[serde(untagged)]
pub enum Text {
    Text(::std::string::String),
    Again(::std::string::String),
}
impl<'de> ::serde::Deserialize<'de> for Text {
    fn deserialize<D: ::serde::Deserializer<'de>>(
        deserializer: D,
    ) -> ::std::result::Result<Self, D::Error> {
        struct __Visitor;
        impl<'de> ::serde::de::Visitor<'de> for __Visitor {
            type Value = ::std::option::Option<Text>;
            fn expecting(
                &self,
                f: &mut ::std::fmt::Formatter<'_>,
            ) -> ::std::fmt::Result {
                f.write_str("a scalar")
            }
            fn visit_bool<E>(self, _: bool) -> ::std::result::Result<Self::Value, E> {
                Ok(::std::option::Option::None)
            }
            fn visit_i64<E>(self, _: i64) -> ::std::result::Result<Self::Value, E> {
                Ok(::std::option::Option::None)
            }
            fn visit_u64<E>(self, _: u64) -> ::std::result::Result<Self::Value, E> {
                Ok(::std::option::Option::None)
            }
            fn visit_f64<E>(self, _: f64) -> ::std::result::Result<Self::Value, E> {
                Ok(::std::option::Option::None)
            }
            fn visit_str<E>(self, value: &str) -> ::std::result::Result<Self::Value, E> {
                Ok(::std::option::Option::Some(Text::Text(value.to_owned())))
            }
            fn visit_string<E>(
                self,
                value: ::std::string::String,
            ) -> ::std::result::Result<Self::Value, E> {
                Ok(::std::option::Option::Some(Text::Text(value)))
            }
            fn visit_unit<E>(self) -> ::std::result::Result<Self::Value, E> {
                Ok(::std::option::Option::None)
            }
            fn visit_seq<A: ::serde::de::SeqAccess<'de>>(
                self,
                mut items: A,
            ) -> ::std::result::Result<Self::Value, A::Error> {
                while items.next_element::<::serde::de::IgnoredAny>()?.is_some() {}
                Ok(::std::option::Option::None)
            }
            fn visit_map<A: ::serde::de::MapAccess<'de>>(
                self,
                mut members: A,
            ) -> ::std::result::Result<Self::Value, A::Error> {
                while members
                    .next_entry::<::serde::de::IgnoredAny, ::serde::de::IgnoredAny>()?
                    .is_some()
                {}
                Ok(::std::option::Option::None)
            }
        }
        deserializer
            .deserialize_any(__Visitor)?
            .ok_or_else(|| ::serde::de::Error::custom(
                "data did not match any variant of untagged enum Text",
            ))
    }
}
#[derive(::serde::Serialize, Debug)]
#[serde(untagged)]
pub enum Number {
    Whole(u32),
    Any(f64),
}
impl<'de> ::serde::Deserialize<'de> for Number {
    fn deserialize<D: ::serde::Deserializer<'de>>(
        deserializer: D,
    ) -> ::std::result::Result<Self, D::Error> {
        struct __Visitor;
        impl<'de> ::serde::de::Visitor<'de> for __Visitor {
            type Value = ::std::option::Option<Number>;
            fn expecting(
                &self,
                f: &mut ::std::fmt::Formatter<'_>,
            ) -> ::std::fmt::Result {
                f.write_str("a scalar")
            }
            fn visit_bool<E>(self, _: bool) -> ::std::result::Result<Self::Value, E> {
                Ok(::std::option::Option::None)
            }
            fn visit_i64<E>(self, value: i64) -> ::std::result::Result<Self::Value, E> {
                if let Ok(fitting) = u32::try_from(value) {
                    return Ok(::std::option::Option::Some(Number::Whole(fitting)));
                }
                Ok(::std::option::Option::Some(Number::Any(value as f64)))
            }
            fn visit_u64<E>(self, value: u64) -> ::std::result::Result<Self::Value, E> {
                if let Ok(fitting) = u32::try_from(value) {
                    return Ok(::std::option::Option::Some(Number::Whole(fitting)));
                }
                Ok(::std::option::Option::Some(Number::Any(value as f64)))
            }
            fn visit_f64<E>(self, value: f64) -> ::std::result::Result<Self::Value, E> {
                Ok(::std::option::Option::Some(Number::Any(value)))
            }
            fn visit_str<E>(self, _: &str) -> ::std::result::Result<Self::Value, E> {
                Ok(::std::option::Option::None)
            }
            fn visit_string<E>(
                self,
                _: ::std::string::String,
            ) -> ::std::result::Result<Self::Value, E> {
                Ok(::std::option::Option::None)
            }
            fn visit_unit<E>(self) -> ::std::result::Result<Self::Value, E> {
                Ok(::std::option::Option::None)
            }
            fn visit_seq<A: ::serde::de::SeqAccess<'de>>(
                self,
                mut items: A,
            ) -> ::std::result::Result<Self::Value, A::Error> {
                while items.next_element::<::serde::de::IgnoredAny>()?.is_some() {}
                Ok(::std::option::Option::None)
            }
            fn visit_map<A: ::serde::de::MapAccess<'de>>(
                self,
                mut members: A,
            ) -> ::std::result::Result<Self::Value, A::Error> {
                while members
                    .next_entry::<::serde::de::IgnoredAny, ::serde::de::IgnoredAny>()?
                    .is_some()
                {}
                Ok(::std::option::Option::None)
            }
        }
        deserializer
            .deserialize_any(__Visitor)?
            .ok_or_else(|| ::serde::de::Error::custom(
                "data did not match any variant of untagged enum Number",
            ))
    }
}
