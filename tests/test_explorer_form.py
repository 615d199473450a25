"The form of a function, in a real browser: what is typed, what is said, what runs"
import threading
import time
from collections.abc import Callable
from typing import Annotated, Literal

import pytest
from front_page import FrontPage

from matnb.explorer.run_form import Field, FormTalk, Limits, RunForm, TypedForm, fields_of_function


def index(
    folder: str,  # With the patterns
    step: Annotated[float, Limits(1e-10, 1e-6, 'm')] = 5e-8,  # Distance between points
    phases: list[Literal['austenite', 'ferrite', 'cementite']] = ('austenite', 'ferrite'),  # What may be found
    method: Literal['dictionary', 'network'] = 'dictionary',  # How a pattern is read
    neighbours: int = 20,  # Compared for each pattern
    tilt: float = 70.0,  # Of the sample [deg]
    seed: int | None = None,  # Of the noise; another one each time if empty
    refine: bool = True,  # Whether orientations are refined
    notes: str = '<b>bold</b> & "quoted"',  # For those who come later
    progress: Callable[[float, str], None] | None = None,
) -> str:
    "Index patterns"
    for n in range(5):
        if progress: progress(n / 5, f'{n * 100} of 500 patterns')
        index.gate.wait(5)
    if method == 'network': raise ValueError('the network was trained at 20 kV; these patterns were taken at 15 kV')
    return f'{folder}: {step:g} m, {", ".join(phases)}, seed {seed}, refine {refine}'


index.gate = threading.Event()


class FormPage(FrontPage):
    "A form in a tab of the test's browser"

    def __init__(self, browser, monkeypatch, form, **told):
        monkeypatch.setattr('matnb.explorer.talk.Talk', FormTalk)
        super().__init__(browser, form, 'form', **told)
        self.form = form
        self.tab.wait_for_selector('.mx-entry')

    def field(self, label):
        "A control by its accessible name"
        return self.tab.get_by_label(label, exact=False).first

    def said(self, words):
        "Wait until the line below the form says something"
        self.tab.wait_for_function('(words) => document.querySelector(".mx-form-said").textContent.includes(words)',
                                   arg=words, timeout=10_000)


@pytest.fixture
def page(browser, monkeypatch):
    index.gate.set()
    form = TypedForm(fields_of_function(index), index, title='Index patterns')
    made = FormPage(browser, monkeypatch, form, width=760)
    yield made
    index.gate.set()
    made.form.wait(10)
    assert made.errors == []
    made.close()


def test_each_parameter_is_a_field_with_its_name_meaning_and_unit(page):
    tab = page.tab
    assert tab.get_by_role('textbox', name='Step').input_value() == '50 nm'
    assert tab.get_by_role('combobox', name='Method').input_value() == 'dictionary'
    assert tab.get_by_role('checkbox', name='Refine').is_checked()
    assert tab.get_by_role('group', name='Phases').get_by_role('checkbox').count() == 3
    assert tab.get_by_role('checkbox', name='ferrite').is_checked()
    told = tab.evaluate("""() => document.querySelector('input.mx-entry-number').getAttribute('aria-describedby')
        .split(' ').map((id) => document.getElementById(id).textContent)""")
    assert told[:2] == ['without a unit: m', 'Distance between points. From 100 pm to 1 µm']
    assert page.field('Notes').input_value() == '<b>bold</b> & "quoted"' and tab.locator('.mx-form b').count() == 0


def test_what_is_wrong_is_said_beside_the_field_and_heard_from_it(page):
    step = page.field('Step')
    step.fill('3 V')
    trouble = page.tab.locator('.mx-entry-trouble', has_text='cannot be turned into m')
    trouble.wait_for(timeout=5000)
    assert step.get_attribute('aria-invalid') == 'true'
    assert trouble.get_attribute('id') in step.get_attribute('aria-describedby').split()
    step.fill('200 nm')
    page.tab.wait_for_function('() => !document.querySelector("[aria-invalid]")', timeout=5000)
    assert page.form.values['step'] == 2e-7 and 'step' not in page.form.problems


def test_run_with_something_missing_leads_to_the_field(page):
    assert page.tab.locator('[aria-invalid]').count() == 0, 'nobody has done anything wrong yet'
    page.tab.get_by_role('button', name='Run').click()
    page.said('One field needs another value')
    assert page.tab.evaluate('document.activeElement.getAttribute("aria-invalid")') == 'true'
    assert page.field('Folder').evaluate('(e) => e === document.activeElement')
    assert page.form.run_now is None and page.form.result is None


def test_a_run_by_keyboard_alone(page):
    page.field('Folder').focus()
    page.tab.keyboard.type('patterns')
    page.tab.keyboard.press('Tab')
    page.tab.keyboard.press('Tab')
    page.tab.keyboard.press('Space')                     # takes austenite away
    page.field('Seed').focus()
    page.tab.keyboard.type('7')
    page.tab.keyboard.press('Enter')
    page.said('Done in')
    assert page.form.result == 'patterns: 5e-08 m, ferrite, seed 7, refine True'
    assert page.tab.locator('.mx-form-said').get_attribute('role') == 'status'


def test_progress_and_stop(page):
    index.gate.clear()
    page.field('Folder').fill('patterns')
    page.tab.get_by_role('button', name='Run').click()
    page.said('0 %, 0 of 500 patterns')
    stop = page.tab.get_by_role('button', name='Stop')
    assert stop.is_visible() and page.tab.locator('progress').is_visible()
    page.tab.get_by_role('button', name='Run').press('Enter')   # a second run is not begun
    stop.click()
    page.said('stopping')
    index.gate.set()
    page.said('Stopped after')
    assert not stop.is_visible() and not page.tab.locator('progress').is_visible()
    assert page.tab.evaluate('document.activeElement.textContent') == 'Run', 'the focus stays in the form'


def test_an_error_is_said_in_plain_words(page):
    page.field('Folder').fill('patterns')
    page.field('Method').select_option('network')
    page.tab.get_by_role('button', name='Run').click()
    page.said('The network was trained at 20 kV; these patterns were taken at 15 kV.')
    assert 'mx-form-failed' in page.tab.locator('.mx-form-said').get_attribute('class')
    assert 'Traceback' not in page.tab.locator('.mx-form').inner_text()


def test_values_set_from_python_appear_and_the_usual_ones_come_back(page):
    heard = []
    page.form.on_change(lambda values: heard.append(values.get('neighbours')))
    page.form.set(neighbours=50, phases=['cementite'], notes='line')
    page.tab.wait_for_function('() => [...document.querySelectorAll("input")].some((i) => i.value === "50")')
    assert page.tab.get_by_role('checkbox', name='cementite').is_checked()
    page.field('Neighbours').fill('60')
    page.tab.wait_for_function('() => true')
    deadline = time.monotonic() + 5
    while page.form.values['neighbours'] != 60 and time.monotonic() < deadline: page.tab.wait_for_timeout(20)
    assert heard[0] == 50 and heard[-1] == 60
    page.tab.get_by_role('button', name='Usual values').click()
    page.tab.wait_for_function('() => [...document.querySelectorAll("input")].some((i) => i.value === "20")')
    assert page.form.values['neighbours'] == 20 and page.field('Notes').input_value() == '<b>bold</b> & "quoted"'


def test_hostile_words_are_words(browser, monkeypatch):
    bad = '<img src=x onerror="window.harmed=1">'
    asked = [Field('a', 'choice', bad, bad, bad, choices=(bad, '${1}')), Field('b', 'several', [bad], choices=(bad,)),
             Field('c', 'text', bad), Field('d', 'number', bad)]
    form = TypedForm(asked, lambda **given: bad, title=bad)
    page = FormPage(browser, monkeypatch, form, width=760)
    page.tab.get_by_role('textbox', name='C', exact=True).fill('x')
    form.set(c=bad, d=1)
    page.tab.get_by_role('button', name='Run').click()
    page.said('Done in')
    assert page.tab.evaluate('window.harmed') is None and page.tab.locator('.mx-form img').count() == 0
    assert page.tab.get_by_role('heading').inner_text() == bad and page.errors == []
    page.close()


def test_the_widget_stands_alone_and_talks(monkeypatch):
    sent = []
    widget = RunForm(index, fixed={'folder': 'x'}, about={'tilt': {'low': 0, 'high': 90}})
    monkeypatch.setattr(widget, 'send', lambda message, buffers: sent.append(message))
    widget._handle_custom_msg({'kind': 'set', 'ask': 1, 'given': {'tilt': '95'}}, [])
    assert 'out of range' in sent[-1]['problems']['tilt'] and widget.problems['tilt'] == sent[-1]['problems']['tilt']
    widget.values = {'tilt': 45}
    assert sent[-1]['kind'] == 'values' and widget.values['tilt'] == 45.0 and 'folder' not in widget.values
    assert len(widget._esm) > 1000 and 'mx-form' in widget._css
