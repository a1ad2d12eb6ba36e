"""Nouns that are beings for certain, alone or many together: what acts, and is no instrument.

"Killed by the soldier" says who did it, "killed by the sword" may say with what, and only a noun's
meaning tells the two apart.  So a noun that stands here acts, and any other may not: a being that
is left out costs a paraphrase, a thing that is taken in costs a wrong merge.  Words that name
things too (bat, crane, driver, seal) are left out.

Example
-------
>>> "soldier" in ENGLISH, "sword" in ENGLISH, "driver" in ENGLISH
(True, False, False)
>>> is_japanese("兵士"), is_japanese("弁護士"), is_japanese("箸")
(True, True, False)
"""

from __future__ import annotations

ENGLISH = {
    "man", "woman", "person", "people", "child", "boy", "girl", "baby", "infant", "kid", "lad",
    "gentleman", "lady", "youth", "teenager", "adult", "mother", "father", "parent", "son",
    "daughter", "brother", "sister", "uncle", "aunt", "nephew", "niece", "cousin", "grandmother",
    "grandfather", "grandparent", "grandson", "granddaughter", "husband", "wife", "widow",
    "widower", "bride", "bridegroom", "friend", "enemy", "neighbour", "neighbor", "stranger",
    "guest", "visitor", "lover", "rival", "companion", "colleague", "partner", "king", "queen",
    "prince", "princess", "emperor", "empress", "duke", "duchess", "lord", "knight", "noble",
    "chief", "president", "minister", "governor", "mayor", "ambassador", "senator", "politician",
    "citizen", "slave", "servant", "maid", "master", "mistress", "owner", "boss", "manager",
    "director", "leader", "officer", "official", "clerk", "secretary", "soldier", "sailor",
    "captain", "general", "sergeant", "colonel", "admiral", "guard", "warrior", "archer", "spy",
    "hero", "coward", "policeman", "policewoman", "fireman", "nobleman", "businessman", "salesman",
    "postman", "workman", "detective", "sheriff", "judge", "lawyer", "witness", "victim",
    "criminal", "thief", "robber", "burglar", "murderer", "killer", "prisoner", "pirate", "teacher",
    "student", "professor", "scholar", "scientist", "doctor", "nurse", "surgeon", "patient",
    "dentist", "priest", "bishop", "pope", "monk", "nun", "saint", "prophet", "god", "goddess",
    "angel", "devil", "demon", "ghost", "giant", "witch", "wizard", "author", "writer", "poet",
    "painter", "artist", "sculptor", "musician", "singer", "dancer", "actor", "actress",
    "journalist", "reporter", "photographer", "architect", "engineer", "inventor", "builder",
    "carpenter", "blacksmith", "tailor", "baker", "butcher", "cook", "waiter", "waitress", "farmer",
    "shepherd", "gardener", "hunter", "fisherman", "merchant", "trader", "seller", "buyer",
    "customer", "shopkeeper", "tourist", "traveller", "traveler", "passenger", "pilot", "worker",
    "employee", "employer", "beggar", "expert", "genius", "fool", "orphan", "army", "crowd", "team",
    "police", "government", "family", "tribe", "gang", "mob", "council", "committee", "animal",
    "beast", "creature", "cat", "dog", "puppy", "kitten", "horse", "pony", "donkey", "mule", "cow",
    "bull", "ox", "calf", "sheep", "lamb", "goat", "pig", "boar", "rabbit", "hare", "rat",
    "squirrel", "fox", "wolf", "bear", "lion", "lioness", "tiger", "leopard", "cheetah", "panther",
    "elephant", "giraffe", "zebra", "monkey", "ape", "gorilla", "chimpanzee", "deer", "stag",
    "camel", "kangaroo", "hedgehog", "badger", "otter", "beaver", "whale", "dolphin", "shark",
    "fish", "salmon", "trout", "snake", "lizard", "crocodile", "alligator", "frog", "toad",
    "turtle", "tortoise", "bird", "eagle", "hawk", "falcon", "owl", "crow", "raven", "sparrow",
    "pigeon", "dove", "swan", "goose", "duck", "hen", "chicken", "rooster", "turkey", "parrot",
    "penguin", "stork", "heron", "insect", "bee", "wasp", "ant", "spider", "mosquito", "butterfly",
    "dragon",
}  # fmt: skip
"""Lemmas in lower case."""

JAPANESE = {
    "人", "男", "女", "子", "子供", "子ども", "赤ちゃん", "赤ん坊", "少年", "少女", "青年", "老人",
    "大人", "男の子", "女の子", "男性", "女性", "人間", "人々", "母", "父", "親", "兄", "弟", "姉",
    "妹", "息子", "娘", "祖父", "祖母", "叔父", "伯父", "叔母", "伯母", "従兄弟", "夫", "妻",
    "花嫁", "花婿", "孫", "双子", "家族", "お母さん", "お父さん", "お兄さん", "お姉さん",
    "おじいさん", "おばあさん", "友達", "友人", "友だち", "恋人", "隣人", "客", "敵", "仲間", "王",
    "女王", "王子", "王女", "姫", "皇帝", "将軍", "大統領", "大臣", "首相", "知事", "市長", "社長",
    "部長", "店長", "校長", "店員", "社員", "駅員", "兵隊", "警官", "警察官", "刑事", "泥棒",
    "犯人", "囚人", "海賊", "英雄", "侍", "騎士", "奴隷", "召使い", "主人", "先生", "生徒", "学生",
    "教授", "画家", "作家", "音楽家", "政治家", "歌手", "選手", "運転手", "農夫", "漁師", "猟師",
    "大工", "僧侶", "尼", "神", "天使", "悪魔", "鬼", "幽霊", "魔女", "巨人", "彼", "彼女", "彼ら",
    "私", "僕", "俺", "君", "あなた", "我々", "動物", "獣", "猫", "子猫", "犬", "子犬", "馬", "牛",
    "豚", "羊", "山羊", "鹿", "兎", "うさぎ", "鼠", "ねずみ", "リス", "狐", "狸", "狼", "熊", "虎",
    "ライオン", "獅子", "豹", "象", "キリン", "猿", "ゴリラ", "ラクダ", "猪", "鯨", "イルカ", "鮫",
    "サメ", "魚", "蛇", "トカゲ", "ワニ", "蛙", "カエル", "亀", "鳥", "小鳥", "鷲", "鷹", "梟",
    "鴉", "カラス", "雀", "鳩", "白鳥", "鶴", "鶏", "アヒル", "蜂", "蟻", "蜘蛛", "蚊", "虫", "竜",
    "龍",
}  # fmt: skip
"""Nouns as they are written."""

_ENDINGS = ("者", "師", "士", "人")
"""Of nouns of two letters and more that name who does something; but for these."""
_NO_BEINGS = {"前者", "後者", "両者", "同士", "富士"}


def is_japanese(noun: str) -> bool:
    """Say whether a Japanese noun is a being for certain.

    Parameters
    ----------
    noun : str

    Returns
    -------
    bool
    """
    one = noun.removesuffix("たち")
    named = len(one) > 1 and one.endswith(_ENDINGS) and one not in _NO_BEINGS
    return named or one in JAPANESE
