//! Hits and misses, as RiskLoc's evaluation counts them: over all cases, an element is right if it is exactly one of the
//! true ones.

use crate::generator::Element;
use crate::settings::Setting;

pub const HEAD: &str = "| setting | what it is | method | cases | precision | recall | F1 | exact | ms |\n|---|---|---|---|---|---|---|---|---|";

#[derive(Default)]
pub struct Tally {
    method: &'static str,
    cases: u64,
    right: usize,
    wrong: usize,
    missed: usize,
    exact: u64,
    seconds: f64,
    /// Right and missed by layer, and wrong.
    layers: Vec<[usize; 3]>,
}

fn distinct(elements: &[Element]) -> Vec<Element> {
    let mut elements = elements.to_vec();
    elements.sort();
    elements.dedup();
    elements
}

pub fn is_exact(truth: &[Element], found: &[Element]) -> bool {
    distinct(truth) == distinct(found)
}

impl Tally {
    pub fn add(&mut self, method: &'static str, truth: &[Element], found: &[Element], seconds: f64) {
        let exact = is_exact(truth, found);
        let (truth, found) = (distinct(truth), distinct(found));
        self.method = method;
        self.cases += 1;
        self.exact += u64::from(exact);
        self.seconds += seconds;
        self.layers.resize(8, [0; 3]);
        for element in &truth {
            let right = found.contains(element);
            self.layers[element.len()][usize::from(!right)] += 1;
            if right { self.right += 1 } else { self.missed += 1 }
        }
        for element in found.iter().filter(|element| !truth.contains(element)) {
            self.layers[element.len()][2] += 1;
            self.wrong += 1;
        }
    }

    pub fn f1(&self) -> f64 {
        2.0 * self.right as f64 / (2 * self.right + self.wrong + self.missed).max(1) as f64
    }

    pub fn exact(&self) -> f64 {
        self.exact as f64 / self.cases.max(1) as f64
    }

    pub fn print(&self, setting: &Setting) {
        let share = |part: usize, rest: usize| part as f64 / (part + rest).max(1) as f64;
        let none = self.right + self.missed == 0;
        let number = |value: f64| if none { "–".to_owned() } else { format!("{value:.3}") };
        println!(
            "| {} | {} | {} | {} | {} | {} | {} | {:.3} | {:.1} |",
            setting.name,
            setting.about,
            self.method,
            self.cases,
            number(share(self.right, self.wrong)),
            number(share(self.right, self.missed)),
            number(self.f1()),
            self.exact(),
            1e3 * self.seconds / self.cases.max(1) as f64
        );
        if self.method == "explain" && std::env::var_os("LAYERS").is_some() {
            eprintln!("{}: right, missed, wrong by layer: {:?}", setting.name, &self.layers[1..]);
        }
    }
}
