//! Small models, written as bytes: a test of the program has no exporter at hand.

/// Types of tensors, by ONNX's numbers.
pub const FLOAT: u64 = 1;
pub const INT64: u64 = 7;
pub const STRING: u64 = 8;

/// A tensor that a model declares; -1 is an open dimension.
pub type Port<'a> = (&'a str, u64, &'a [i64]);

/// An operator, which may have attributes (`Cast to=1`), with its inputs and outputs.
pub type Node<'a> = (&'a str, &'a [&'a str], &'a [&'a str]);

/// The file of a model.
pub fn model(inputs: &[Port<'_>], outputs: &[Port<'_>], nodes: &[Node<'_>]) -> Vec<u8> {
    let nodes = nodes.iter().map(|(operator, inputs, outputs)| {
        let inputs = inputs.iter().flat_map(|name| field(1, name.as_bytes()));
        let outputs = outputs.iter().flat_map(|name| field(2, name.as_bytes()));
        let (operator, attributes) = operator.split_once(' ').unwrap_or((operator, ""));
        let attributes = attributes.split_terminator(' ').flat_map(|attribute| {
            let (name, value) = attribute.split_once('=').unwrap();
            let value = number(3, value.parse().unwrap());
            field(5, &[field(1, name.as_bytes()), value, number(20, 2)].concat())
        });
        let node = inputs.chain(outputs).chain(field(4, operator.as_bytes())).chain(attributes);
        field(1, &node.collect::<Vec<u8>>())
    });
    let ports = |number: u64, ports: &[Port<'_>]| -> Vec<u8> {
        ports.iter().flat_map(|port| field(number, &value_info(*port))).collect()
    };
    let graph: Vec<u8> =
        nodes.flatten().chain(field(2, b"net")).chain(ports(11, inputs)).chain(ports(12, outputs)).collect();
    let opset = [field(1, b""), number(2, 17)].concat();
    [number(1, 8), field(7, &graph), field(8, &opset)].concat()
}

fn value_info((name, datatype, dims): Port<'_>) -> Vec<u8> {
    let dims = dims.iter().flat_map(|size| {
        let dim = if *size < 0 { field(2, b"batch") } else { number(1, *size as u64) };
        field(1, &dim)
    });
    let shape = field(2, &dims.collect::<Vec<u8>>());
    let tensor = [number(1, datatype), shape].concat();
    [field(1, name.as_bytes()), field(2, &field(1, &tensor))].concat()
}

/// A field of bytes.
fn field(number: u64, bytes: &[u8]) -> Vec<u8> {
    [varint(number << 3 | 2), varint(bytes.len() as u64), bytes.to_vec()].concat()
}

/// A field of a number.
fn number(number: u64, value: u64) -> Vec<u8> {
    [varint(number << 3), varint(value)].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}
