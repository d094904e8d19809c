"""Made-up people of a shop that ships to many countries: first and last names, cities.

A name comes with its romanisation (`明|Akira`) where taking off accents does not make an address of it.
"""

from __future__ import annotations

from typing import NamedTuple


class Place(NamedTuple):
    """A country, cities in it, and the names people have there."""

    country: str
    cities: tuple[str, ...]
    first: tuple[str, ...]
    last: tuple[str, ...]


PLACES = (
    Place(
        "Germany",
        ("Köln", "München", "Leipzig", "Düsseldorf"),
        ("Zoë", "Jürgen", "Käthe", "Lukas", "Anneliese", "Björn"),
        ("Müller", "Groß", "Schäfer", "Weiß", "Hoffmann", "Krüger"),
    ),
    Place(
        "Poland",
        ("Łódź", "Kraków", "Gdańsk", "Poznań"),
        ("Łukasz", "Małgorzata", "Zbigniew", "Agnieszka", "Paweł", "Żaneta"),
        ("Wójcik", "Kowalczyk", "Dąbrowska", "Zieliński", "Woźniak"),
    ),
    Place(
        "Denmark",
        ("København", "Århus", "Ålborg"),
        ("Søren", "Åse", "Bjørn", "Mette", "Jørgen"),
        ("Østergård", "Sørensen", "Kjær", "Nygaard", "Møller"),
    ),
    Place(
        "France",
        ("Paris", "Besançon", "Saint-Étienne", "Lyon"),
        ("Chloé", "François", "Anaïs", "Jérôme", "Hélène", "Gaël"),
        ("Lefèvre", "D'Arcy", "Müntz", "Garçon", "Bélanger", "Roux"),
    ),
    Place(
        "Spain",
        ("A Coruña", "Málaga", "Cádiz", "León"),
        ("Iñaki", "María José", "Begoña", "Andrés", "Núria"),
        ("Muñoz", "García", "Peña", "Íñiguez", "Ibáñez"),
    ),
    Place(
        "Czechia",
        ("Brno", "Plzeň", "České Budějovice"),
        ("Jiří", "Šárka", "Ondřej", "Žofie", "Tomáš"),
        ("Dvořák", "Nováková", "Kučera", "Růžička", "Černý"),
    ),
    Place(
        "Türkiye",
        ("İstanbul", "İzmir", "Eskişehir"),
        ("Gülşen", "Çağla", "Ömer", "Işıl", "Yiğit"),
        ("Yılmaz", "Şahin", "Öztürk", "Çelik", "Koç"),
    ),
    Place(
        "United Kingdom",
        ("Leeds", "Bristol", "Glasgow", "Llanfair"),
        ("Siân", "Oliver", "Aoife", "Charlotte", "Rhys"),
        ("O'Connor", "Smith", "Brontë", "Hughes", "MacLeod"),
    ),
    Place(
        "United States",
        ("Portland", "Cañon City", "Austin", "Des Moines"),
        ("Renée", "James", "Beyoncé", "Emily", "DeShawn", "José"),
        ("Johnson", "Nguyễn", "Peña", "Williams", "St. James"),
    ),
    Place(
        "Japan",
        ("東京", "大阪", "京都"),
        ("明|Akira", "さくら|Sakura", "健太|Kenta"),
        ("佐藤|Sato", "鈴木|Suzuki", "高橋|Takahashi"),
    ),
    Place(
        "Greece",
        ("Αθήνα", "Θεσσαλονίκη"),
        ("Ελένη|Eleni", "Γιώργος|Giorgos"),
        ("Παππάς|Pappas", "Νικολάου|Nikolaou"),
    ),
    Place(
        "Ukraine",
        ("Київ", "Львів"),
        ("Олена|Olena", "Сергій|Serhii"),
        ("Шевченко|Shevchenko", "Коваль|Koval"),
    ),
)
